"""Coverage: a cell is a class of calls, a third of the job, a victim and a fault; a hit is a fault confirmed there.

Which cells a scenario owes is one table. For a fault before a system call it is what its plans aim at: which classes of
calls a server makes, it shows itself. Of a level no owed cell may be empty. Pure.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mcp_crashtest.model.calls import ANSWER
from mcp_crashtest.model.operation import History, Op, Operation, Type, batches_of

BETWEEN = "between calls"
_CLASSES = {
    **dict.fromkeys(("write", "pwrite", "writev", "pwritev", "copy"), "write"),
    **dict.fromkeys(("fsync", "fdatasync"), "sync"),
    **dict.fromkeys(("rename", "unlink", "link"), "name"),
    "ftruncate": "length",
    ANSWER: ANSWER,
}
_IN_BATCH = re.compile(r"in batch (\d+)$")
THIRDS = ("first third", "middle third", "last third")

OWED: Mapping[str, tuple[str, str, int]] = {
    "server-killed-everywhere": ("kill", "server", 3),
    "both-killed": ("kill", "both", 3),
    "client-killed": ("kill", "client", 2),
}
"""What has to fall into how many thirds of a job, the first ones; a client that leaves needs something left to do."""
OWED_BEFORE_CALLS = ("every-call", "every-call-of-recovery")
"""Of these each class of calls is owed before which their plans have a fault, in each third in which they do."""


@dataclass(frozen=True, slots=True, order=True)
class Cell:
    """One place among those where faults fall; ``batch`` is the third of the job."""

    fault: str
    victim: str
    call: str
    batch: str

    def __str__(self) -> str:
        """As a person says it."""
        before = "" if self.call == BETWEEN else f" before a call of the class {self.call}"
        return f"{self.fault} of {self.victim}{before} in the {self.batch} of the job"


def hits(history: History) -> Iterator[Cell]:
    """The cells of the faults that have landed, with proof; a fault at no place of the job has none."""
    for fault in history.of(Op.FAULT, types=[Type.OK]):
        if fault.value.get("victim") and fault.value.get("at"):
            yield _cell(history, fault.value, str(fault.value.get("name") or ""), _done(fault))


def owed(history: History) -> Iterator[Cell]:
    """The cells that this run's scenario owes, as far as this run shows."""
    scenario = str(history.header.scenario)
    if (harm := OWED.get(scenario)) is not None and history.header.plan.get("workload") is None:
        kind, victim, most = harm
        if batches_of(history.header.workload) >= len(THIRDS):
            yield from (Cell(kind, victim, BETWEEN, third) for third in THIRDS[:most])
    if scenario in OWED_BEFORE_CALLS:
        yield from hits(history)
        landed = sum(1 for _ in history.of(Op.FAULT, types=[Type.OK]))
        for planned in history.header.plan["faults"][landed:]:
            if planned["at"].get("what"):
                yield _cell(history, planned, *_named_in(history, planned["at"]["what"]))


def covered(runs: Iterable[tuple[Iterable[Cell], Iterable[Cell]]]) -> list[dict[str, Any]]:
    """All cells of some runs, of each its hits and its debts: how often they were hit, and whether they were owed."""
    counted: Counter[Cell] = Counter()
    wanted: set[Cell] = set()
    for hit, due in runs:
        counted.update(hit)
        wanted.update(due)
    return [
        {
            "fault": cell.fault,
            "victim": cell.victim,
            "call": cell.call,
            "batch": cell.batch,
            "hits": counted[cell],
            "owed": cell in wanted,
        }
        for cell in sorted({*counted, *wanted})
    ]


def empty(scenario: Mapping[str, Any]) -> list[str]:
    """The owed cells of a scenario's summary in which nothing was confirmed."""
    told = scenario.get("coverage") or ()
    return [
        str(Cell(one["fault"], one["victim"], one["call"], one["batch"]))
        for one in told
        if one["owed"] and not one["hits"]
    ]


def coverage_lines(scenarios: Iterable[Mapping[str, Any]]) -> list[str]:
    """In one line how many cells were hit, and each owed one that was not; nothing where nothing was owed."""
    several = [s for s in scenarios if any(one["owed"] for one in s.get("coverage") or ())]
    cells = [one for s in several for one in s["coverage"]]
    holes = [f"{s['id']} has no confirmed {cell}" for s in several for cell in empty(s)]
    if not cells:
        return []
    due = sum(one["owed"] for one in cells)
    said = (
        f"coverage: {due - len(holes)} of {due} cells that are owed (call x third of the job x victim x fault) were hit"
    )
    return [said, *(f"not covered: {hole}" for hole in holes)]


def _cell(history: History, fault: Mapping[str, Any], call: str, done: float) -> Cell:
    at, batches = fault["at"], batches_of(history.header.workload)
    planned = at.get("number", 1) - 1 if at.get("kind") == "batch" else None
    number = int(done // history.header.workload["batch"]) if planned is None else planned
    kind = _CLASSES.get(call.partition(" ")[0], "other") if call else BETWEEN
    return Cell(fault["kind"], fault["victim"], kind, THIRDS[_third(number, batches)])


def _named_in(history: History, what: str) -> tuple[str, float]:
    """The call that a plan says in words, ``the write of 24 bytes to jobs.db, in batch 3``, and what is done then."""
    number = _IN_BATCH.search(what)
    done = (int(number[1]) - 1) * history.header.workload["batch"] if number else 0
    return what.removeprefix("the ").partition(" ")[0], done


def _done(fault: Operation) -> float:
    done = fault.value.get("done")
    return float(done) if isinstance(done, int | float) else 0.0


def _third(number: int, batches: int) -> int:
    """In which third a batch lies, from 0."""
    return min(len(THIRDS) * max(number, 0) // batches, len(THIRDS) - 1)
