"""The zoo: every mutant, the invariant that must catch it, and the scenario and the story in which it does.

A checker that no mutant needs may be blind; a mutant that passes shows a lab that is.
"""

from __future__ import annotations

from tests.mutants.mutant import (
    AFTERLIFE,
    AWAY,
    DROPPED,
    EACH_CALL,
    EACH_OF_RECOVERY,
    EDGES,
    FROZEN,
    IN_A_ROW,
    INTERRUPTED,
    KILLED,
    OPERATED,
    OVERLAP,
    RESTARTED,
    SECOND,
    SIZES,
    TWO_BACK,
    Mutant,
)
from tests.mutants.zoo_of_power import OF_POWER
from tests.mutants.zoo_of_processes import OF_PROCESSES
from tests.mutants.zoo_of_protocols import OF_PROTOCOLS

_TABLE = (
    Mutant(
        "seed_resumable",
        "records.duplicated",
        INTERRUPTED,
        "the client is interrupted in mid-call, says goodbye, and calls again",
        ("records.count", "effects.rework", "progress.regressed"),
    ),
    Mutant(
        "checkpoint_before_data",
        "records.lost",
        KILLED,
        "the server is killed at written-uncommitted, between the checkpoint and the data",
        ("task.false-success",),
    ),
    Mutant(
        "restart_from_zero",
        "effects.rework",
        KILLED,
        "the server is killed behind its second batch or later",
        ("progress.regressed",),
    ),
    Mutant(
        "last_batch_lost",
        "records.lost",
        KILLED,
        "the server is killed anywhere before its last batch is committed",
        ("task.false-success", "records.count"),
    ),
    Mutant("orphaned", "task.orphaned", KILLED, "the server is killed anywhere before its last batch is committed"),
    Mutant(
        "memory_only",
        "task.vanished",
        KILLED,
        "the server is killed anywhere once the client holds its handle",
        ("task.duplicated",),
    ),
    Mutant(
        "double_submit",
        "task.duplicated",
        KILLED,
        "the server is killed in mid-call, and the client calls again with the same arguments",
        ("progress.regressed",),
    ),
    Mutant(
        "graceful_cancels",
        "records.lost",
        RESTARTED,
        "the server is stopped with SIGTERM in the middle of the job and started again",
    ),
    Mutant(
        "hasty_watchdog",
        "records.duplicated",
        FROZEN,
        "the server stands still for a while and goes on",
        ("records.count", "effects.rework", "fencing.double-run", "progress.monotonic"),
    ),
    Mutant(
        "forgotten_ids",
        "task.vanished",
        KILLED,
        "the server is killed anywhere once the client holds its id",
        ("task.duplicated",),
    ),
    Mutant(
        "double_run",
        "fencing.double-run",
        AWAY,
        "the server is killed, and stays away for two batches",
        ("records.duplicated", "records.unexpected", "records.count", "records.lost", "progress.monotonic"),
    ),
    Mutant("will_not_restart", "recovery.loop", KILLED, "the server is killed anywhere and started again"),
    Mutant("created_anew", "task.identity", KILLED, "the server is restarted between two looks at a task"),
    Mutant(
        "error_inside",
        "error.honest",
        KILLED,
        "the server is killed anywhere before its last batch is committed",
        ("task.resurrected",),
    ),
    Mutant(
        "evicts_early",
        "task.vanished",
        AFTERLIFE,
        "the server is killed behind its last batch, or after the end",
        ("task.duplicated",),
    ),
    Mutant(
        "late_takeover",
        "recovery.deadline",
        KILLED,
        "the server is killed anywhere before its last batch is committed; three times more, alone",
    ),
    Mutant(
        "result_in_memory",
        "task.resurrected",
        AFTERLIFE,
        "the server is killed after the end, and the task is read again",
        ("task.false-success",),
    ),
    Mutant(
        "forgotten_cancel",
        "task.cancel-forgotten",
        OPERATED,
        "a job is cancelled, and the server is killed right after it has acknowledged that",
        ("task.resurrected",),
    ),
    Mutant(
        "deaf_to_cancel",
        "task.cancel-forgotten",
        OPERATED,
        "a job is cancelled, and nothing else is done",
        ("task.resurrected", "task.orphaned"),
    ),
    Mutant("pause_overwritten", "task.cancel-forgotten", OPERATED, "a job is paused, and nothing else is done"),
    Mutant(
        "forgotten_answer",
        "task.input-forgotten",
        OPERATED,
        "a job is given what it asks for, and the server is killed right after it has acknowledged that",
    ),
    Mutant(
        "forgotten_question",
        "task.input-forgotten",
        OPERATED,
        "the server is killed while a job waits for what it has asked for",
    ),
    Mutant("unchecked_cancel", "isolation.leak", OPERATED, "a job is cancelled by somebody whose it is not"),
    Mutant("forgotten_list", "task.listing", OPERATED, "the server is killed anywhere, and asked for a list"),
    Mutant(
        "queued_in_memory",
        "task.vanished",
        EDGES,
        "the server is killed between the answer to the submission and the first batch",
    ),
    Mutant(
        "result_after_status",
        "task.false-success",
        EDGES,
        "the server is killed between the last batch and the answer",
        ("records.count",),
    ),
    Mutant(
        "narrow_window",
        "records.lost",
        KILLED,
        "the server is killed anywhere, and once within some milliseconds of a batch",
    ),
    Mutant(
        "late_return",
        "records.lost",
        DROPPED,
        "the connection drops, and the client is back after the batch that was under way",
    ),
    Mutant(
        "goes_on",
        "records.duplicated",
        DROPPED,
        "the connection drops, and the client calls again while the old call goes on",
        ("fencing.double-run", "effects.rework"),
    ),
    Mutant("one_page", "records.count", SIZES, "a job of several pages is done, undisturbed", ("task.false-success",)),
    Mutant("single_in_memory", "task.vanished", SIZES, "the server is killed in a job of a single record"),
    Mutant(
        "exclusive_epoch", "recovery.loop", IN_A_ROW, "the server is killed a second time in the same job", faults=5
    ),
    Mutant(
        "progress_from_zero",
        "progress.regressed",
        KILLED,
        "the server is killed behind its first batch, and asked as soon as it is back",
    ),
    Mutant("keyed_by_hash", "task.vanished", KILLED, "the server is killed, and started again with another hash seed"),
    Mutant("removes_wal", "task.vanished", KILLED, "the server is killed anywhere once the client holds its handle"),
    Mutant("count_vanishes", "records.count", KILLED, "the server is killed behind its first batch"),
    Mutant("renamed", "task.identity", KILLED, "the server is killed anywhere before its last batch is committed"),
    Mutant(
        "says_interrupted", "records.lost", KILLED, "the server is killed anywhere before its last batch is committed"
    ),
    Mutant(
        "saves_ahead",
        "records.lost",
        RESTARTED,
        "the server is stopped with SIGTERM in the middle of a batch and started again",
    ),
    Mutant(
        "drops_at_stop",
        "records.lost",
        RESTARTED,
        "the server is stopped with SIGTERM, and does the rest of its job before it stops",
    ),
    Mutant(
        "flips_at_start",
        "task.resurrected",
        AFTERLIFE,
        "the server is killed after the end, and the task is read again",
        ("records.lost",),
    ),
    Mutant(
        "sorted_anew", "task.resurrected", AFTERLIFE, "the server is killed after the end, and the result is read again"
    ),
    Mutant("newest_first", "records.reordered", KILLED, "the server is killed behind its first batch"),
    Mutant("running_total", "records.content", KILLED, "the server is killed behind its first batch"),
    Mutant("counts_attempts", "progress.monotonic", KILLED, "the server is killed in the middle of a batch"),
    Mutant("effect_after", "effects.lost", KILLED, "the server is killed in the middle of a batch"),
    Mutant(
        "ids_from_one",
        "task.identity",
        SECOND,
        "the server is killed, and a second job is submitted in its new life",
        ("isolation.leak",),
    ),
    Mutant(
        "counts_the_open",
        "task.identity",
        SECOND,
        "the server is killed after the end, and a second job is submitted in its new life",
        ("records.lost",),
    ),
    Mutant(
        "whoever_asks",
        "task.identity",
        SECOND,
        "the server is killed, and a second job of the same size is submitted beside the first",
    ),
    Mutant(
        "stale_lock", "recovery.deadline", SECOND, "the server is killed, and a second job is submitted behind the end"
    ),
    Mutant("one_list", "isolation.leak", SECOND, "a second job, which is smaller, is submitted behind a restart"),
    Mutant(
        "two_workers",
        "fencing.double-run",
        TWO_BACK,
        "server and client are killed, and two clients come back at once",
        ("effects.rework",),
    ),
    Mutant(
        "keys_in_memory",
        "task.duplicated",
        TWO_BACK,
        "the server is killed, and the same call is made once more",
    ),
    Mutant(
        "drains_beside",
        "fencing.double-run",
        OVERLAP,
        "the server is told to stop, and its new life begins before that",
        ("effects.rework",),
    ),
    Mutant(
        "acks_before_commit",
        "task.vanished",
        EACH_CALL,
        "the server is killed between its answer and the call that commits the job",
    ),
    Mutant(
        "cursor_in_place",
        "effects.rework",
        EACH_CALL,
        "the server is killed between the open that empties its cursor and the write",
        ("progress.regressed",),
        sooner=KILLED,
    ),
    Mutant(
        "recovers_twice",
        "records.duplicated",
        EACH_OF_RECOVERY,
        "the server is killed on the way, and again in the middle of its recovery",
        ("records.count", "task.false-success"),
        faults=5,
    ),
)

MUTANTS = {mutant.name: mutant for mutant in (*_TABLE, *OF_PROTOCOLS, *OF_POWER, *OF_PROCESSES)}
