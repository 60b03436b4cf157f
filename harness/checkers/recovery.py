"""Recovery: how much work is done again, whether effects are complete, whether the subject comes back, and how fast.

The ledger counts executions. A crash may cost the batch that was under way, so c faults allow c x batch executions
more than there are records; restart from zero needs more than that.
"""

from __future__ import annotations

from collections.abc import Iterator

from harness.model.operation import History, Op, Type
from harness.model.verdict import Finding


def check(history: History) -> Iterator[Finding]:
    """Judge the run's recoveries."""
    yield from _rework(history)
    yield from _effects_lost(history)
    yield from _deadline(history)
    yield from _loop(history)


def _rework(history: History) -> Iterator[Finding]:
    if not history.header.claims["resumes"]:
        return
    faults = sum(1 for _ in history.of(Op.FAULT, types=[Type.OK]))
    allowed = faults * history.header.workload["batch"]
    for effects in history.of(Op.EFFECTS):
        again = sum(times - 1 for _, _, times in effects.value["executions"])
        if again > allowed:
            yield Finding(
                "effects.rework",
                f"{again} records were executed again after {faults} faults; at most {allowed} are explained by "
                f"batches under way",
                (effects.i,),
                {"again": again, "allowed": allowed, "faults": faults},
            )


def _effects_lost(history: History) -> Iterator[Finding]:
    for effects in history.of(Op.EFFECTS):
        executed = {record for _, record, _ in effects.value["executions"]}
        if not executed:
            continue
        for output in history.of(Op.OUTPUT, types=[Type.OK]):
            missing = [key for key, _ in output.value.get("records") or () if key not in executed]
            if missing:
                yield Finding(
                    "effects.lost",
                    f"{len(missing)} records are in the output whose effect is not in the ledger, {missing[0]!r} first",
                    (output.i, effects.i),
                    {"keys": missing[:100], "total": len(missing)},
                )


def _deadline(history: History) -> Iterator[Finding]:
    """A run that stalled with a task that did move, or with no task to look at.

    Where faults were planned and none landed, the subject was not disturbed, and nothing is shown about recovery.
    """
    if history.header.plan["faults"] and not any(True for _ in history.of(Op.FAULT, types=[Type.OK])):
        return
    for end in history.of(Op.END):
        if end.value["reason"] != "stalled":
            continue
        status = [o for o in history.of(Op.STATUS, types=[Type.OK]) if o.boot == end.boot]
        moved = [o for o in history.of(Op.PROGRESS) if o.boot == end.boot]
        if end.boot > 1 and status and len(moved) <= 1:
            continue  # nothing moves at all: task.orphaned
        yield Finding(
            "recovery.deadline",
            f"nothing has moved for {end.value['silent_s']:.1f} s; the claim is {end.value['deadline_s']:.1f} s",
            (end.i,),
            {"silent_s": end.value["silent_s"]},
        )


def _loop(history: History) -> Iterator[Finding]:
    for gone in history.of(Op.EXIT):
        if gone.boot > 1:
            yield Finding(
                "recovery.loop",
                f"boot {gone.boot} ended by itself with {gone.value['how']} after the fault before it",
                (gone.i,),
                dict(gone.value),
            )


def recoveries_s(history: History) -> Iterator[float]:
    """Seconds from each confirmed fault on a server to the first answer that a client had after it."""
    killed_at: float | None = None
    for event in history.operations:
        if event.op is Op.FAULT and event.type is Type.OK and event.value.get("victim") != "client":
            killed_at = event.t
        answered = event.op in (Op.CONNECT, Op.STATUS, Op.PROGRESS, Op.SUBMIT) and event.type is Type.OK
        if killed_at is not None and answered and event.process.startswith("client"):
            yield round(event.t - killed_at, 6)
            killed_at = None
