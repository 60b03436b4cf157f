"""The zoo: every mutant, the invariant that must catch it, and the story in which it does.

A checker that no mutant needs may be blind; a mutant that passes shows a lab that is.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

_HERE = Path(__file__).resolve().parent


@dataclass(frozen=True, slots=True)
class Mutant:
    """One flawed server. ``also`` are the invariants that may catch it beside the one that must."""

    name: str
    invariant: str
    story: str
    also: tuple[str, ...] = ()

    @property
    def profile(self) -> Path:
        """The profile beside the server."""
        return _HERE / f"{self.name}.toml"


_TABLE = (
    Mutant(
        "seed_resumable",
        "records.duplicated",
        "the client is interrupted in mid-call, says goodbye, and calls again",
        ("records.count", "effects.rework", "progress.regressed"),
    ),
    Mutant(
        "checkpoint_before_data",
        "records.lost",
        "the server is killed at written-uncommitted, between the checkpoint and the data",
        ("task.false-success",),
    ),
    Mutant(
        "restart_from_zero",
        "effects.rework",
        "the server is killed behind its second batch or later",
        ("progress.regressed",),
    ),
    Mutant(
        "last_batch_lost",
        "records.lost",
        "the server is killed anywhere before its last batch is committed",
        ("task.false-success", "records.count"),
    ),
    Mutant(
        "orphaned",
        "task.orphaned",
        "the server is killed anywhere before its last batch is committed",
    ),
    Mutant(
        "memory_only",
        "task.vanished",
        "the server is killed anywhere once the client holds its handle",
        ("task.duplicated",),
    ),
    Mutant(
        "double_submit",
        "task.duplicated",
        "the server is killed in mid-call, and the client calls again with the same arguments",
        ("progress.regressed",),
    ),
    Mutant(
        "graceful_cancels",
        "records.lost",
        "the server is stopped with SIGTERM in the middle of the job and started again",
    ),
    Mutant(
        "hasty_watchdog",
        "records.duplicated",
        "the server stands still for a while and goes on",
        ("records.count", "effects.rework"),
    ),
    Mutant(
        "forgotten_ids",
        "task.vanished",
        "the server is killed anywhere once the client holds its id",
        ("task.duplicated",),
    ),
    Mutant(
        "double_run",
        "fencing.double-run",
        "the server is killed, and stays away for two batches",
        ("records.duplicated", "records.unexpected"),
    ),
    Mutant(
        "will_not_restart",
        "recovery.loop",
        "the server is killed anywhere and started again",
    ),
    Mutant(
        "created_anew",
        "task.identity",
        "the server is restarted between two looks at a task",
    ),
    Mutant(
        "error_inside",
        "error.honest",
        "the server is killed anywhere before its last batch is committed",
        ("task.resurrected",),
    ),
    Mutant(
        "evicts_early",
        "task.vanished",
        "the server is killed behind its last batch, or after the end",
        ("task.duplicated",),
    ),
    Mutant(
        "late_takeover",
        "recovery.deadline",
        "the server is killed anywhere before its last batch is committed; three times more, alone",
    ),
    Mutant(
        "result_in_memory",
        "task.resurrected",
        "the server is killed after the end, and the task is read again",
        ("task.false-success",),
    ),
    Mutant(
        "forgotten_cancel",
        "task.cancel-forgotten",
        "a job is cancelled, and the server is killed right after it has acknowledged that",
        ("task.resurrected",),
    ),
    Mutant(
        "deaf_to_cancel",
        "task.cancel-forgotten",
        "a job is cancelled, and nothing else is done",
        ("task.resurrected",),
    ),
    Mutant(
        "pause_overwritten",
        "task.cancel-forgotten",
        "a job is paused, and nothing else is done",
    ),
    Mutant(
        "unchecked_cancel",
        "isolation.leak",
        "a job is cancelled by somebody whose it is not",
    ),
    Mutant(
        "forgotten_list",
        "task.listing",
        "the server is killed anywhere, and asked for a list",
    ),
)

MUTANTS = {mutant.name: mutant for mutant in _TABLE}
