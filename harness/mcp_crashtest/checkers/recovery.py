"""Recovery: how much work is done again, whether effects are complete, whether the subject comes back, and how fast.

The ledger counts executions. A crash may cost the batch that was under way, so c faults allow c x batch executions
more than there are records; restart from zero needs more than that. What is claimed decides (``model.claims``).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mcp_crashtest.checkers import claimed, lifecycle, stream
from mcp_crashtest.checkers.advice import NO_KEEPER
from mcp_crashtest.checkers.outputs import is_piped, services_died
from mcp_crashtest.model.claims import held, held_sharply
from mcp_crashtest.model.column import Column
from mcp_crashtest.model.columns import as_table
from mcp_crashtest.model.faults import FAIL, KINDS, OVERLAP, REPLACE, TWINS, Victim
from mcp_crashtest.model.operation import History, Op, Operation, Type
from mcp_crashtest.model.text import without
from mcp_crashtest.model.verdict import Finding

_NOTICED_S = 0.1
_TWO = frozenset({REPLACE, TWINS})


def check(history: History) -> Iterator[Finding]:
    """Judge the run's recoveries."""
    yield from _rework(history)
    yield from _effects_lost(history)
    yield from _deadline(history)
    yield from _loop(history)


def _rework(history: History) -> Iterator[Finding]:
    explaining = _explaining(history)
    allowed, faults = _allowed(history, explaining), len(explaining)
    for effects in history.of(Op.EFFECTS):
        again = _again(history, effects)
        stretches = effects.value.get("stretches", 0)
        if again <= allowed:
            continue
        if any(fault.value["kind"] in _TWO for fault in explaining):
            yield Finding(
                "fencing.double-run",
                f"{again} records were executed again while two servers lived on one store; at most {allowed} are "
                f"explained by batches under way",
                (effects.i,),
                {"again": again, "allowed": allowed, "faults": faults},
            )
        elif stretches > faults + 1:
            yield Finding(
                "fencing.double-run",
                f"{again} records were executed again, {stretches} times over with new ones in between: two were at "
                f"work on one task",
                (effects.i,),
                {"again": again, "stretches": stretches, "faults": faults},
            )
        elif held(history.header.claims, "effects.rework"):
            yield Finding(
                "effects.rework",
                f"{again} records were executed again after {faults} fault{'' if faults == 1 else 's'}; at most "
                f"{allowed} are explained by {'batches under way' if _once(history) else 'these faults'}",
                (effects.i,),
                {"again": again, "allowed": allowed, "faults": faults},
            )


def _again(history: History, effects: Operation) -> int:
    """How often a record was executed again; while a service is away one batch may be tried any number of times."""
    _, _, times = as_table(effects.value["executions"], 3).columns
    return sum(min(n - 1, 1) for n in times) if services_died(history) else sum(times) - len(times)


def _once(history: History) -> bool:
    return held_sharply(history.header.claims, "effects.rework")


def _allowed(history: History, faults: Sequence[Operation]) -> int:
    """How many records may be executed again: a batch a fault; at least once, half of the workload at most more.

    Where a fault leaves two lives beside each other, the batch of each may be in vain.
    """
    workload = history.header.workload
    done = 0 if _once(history) else sum(min(f.value.get("done", 0), workload["records"] // 2) for f in faults)
    fallen = sum(1 for o in history.of(Op.OUTAGE) if o.value.get("what") == Op.EXIT)
    more = sum(_leaves_two(history, f) + _times(f) - 1 for f in faults) + fallen
    return int((len(faults) + more) * workload["batch"] + done)


def _times(fault: Operation) -> int:
    """How often it has struck: of several servers that are restarted in turn each may have the task when it is told."""
    return int(fault.value.get("at", {}).get("times", 1) * fault.value.get("settings", {}).get("servers", 1))


def _leaves_two(history: History, fault: Operation) -> bool:
    """Whether the old life, which nobody has killed, may still be at its batch when its host has started another one.

    So it is over stdio, where its pipes are closed and it may take a moment to see that.
    """
    if fault.value["kind"] in _TWO:
        return True
    return is_piped(history) and (fault.value["kind"] == OVERLAP or fault.value["victim"] == Victim.CLIENT)


def _explaining(history: History) -> Sequence[Operation]:
    """The faults that may have cost a batch: one that was begun behind the end explains nothing."""
    ended = next((o.i for o in history.of(Op.OUTPUT)), len(history.operations))
    begun, explaining = 0, []
    for fault in history.of(Op.FAULT):
        if fault.type is Type.INVOKE:
            begun = fault.i
        elif (
            begun < ended or fault.value["kind"] == FAIL
        ):  # a call has failed before anybody saw that; one that could not be proven may have cost a batch too
            explaining.append(fault)
    return explaining


def _effects_lost(history: History) -> Iterator[Finding]:
    for effects in history.of(Op.EFFECTS):
        _, told, _ = as_table(effects.value["executions"], 3).columns
        if not told:
            continue
        for output in history.of(Op.OUTPUT, types=[Type.OK]):
            shown, _ = as_table(output.value.get("records") or (), 2).columns
            names = output.value.get("names")
            executed = Column.of(without(record, names) for record in told) if names else told
            if missing := shown.beyond(executed):
                yield Finding(
                    "effects.lost",
                    f"{len(missing)} records are in the output whose effect is not in the ledger, {missing[0]!r} first",
                    (output.i, effects.i),
                    {"keys": missing[:100], "total": len(missing)},
                )


def _deadline(history: History) -> Iterator[Finding]:
    """A run that stalled in any other way than with an orphaned task.

    Where faults were planned and none landed, the subject was not disturbed, and nothing is shown about recovery.
    """
    if history.header.plan["faults"] and not any(True for _ in history.of(Op.FAULT, types=[Type.OK])):
        return
    for end in history.of(Op.END):
        if end.value["reason"] != "stalled" or lifecycle.orphan(history) or stream.broken_off(history):
            continue
        claimed_s = history.header.claims.get("recovery_deadline_s")
        measured = claimed.late_s(history) is not None
        bound = f"the claim is {claimed_s:g} s" if claimed_s else f"the bound is {end.value['deadline_s']:.1f} s"
        starved_s = end.value.get("starved_s", 0.0)
        waiting = f", {starved_s:.1f} s of it for want of a processor" if starved_s > _NOTICED_S else ""
        asked = _turned_away(history)
        until = f"; until then a job was asked for, and the server said: {asked.value['error']}" if asked else ""
        yield Finding(
            "recovery.deadline",
            f"nothing has moved for {end.value['silent_s']:.1f} s{waiting}; {bound}{until}",
            (*([asked.i] if asked else []), end.i),
            {"silent_s": end.value["silent_s"], **({"claimed_s": claimed_s} if claimed_s and measured else {})},
            NO_KEEPER if asked else None,
        )


def _turned_away(history: History) -> Operation | None:
    """The last submission, where the server was there and did not take it."""
    asked = [o for o in history.of(Op.SUBMIT) if o.type is not Type.INVOKE][-1:]
    return next((o for o in asked if o.type is Type.FAIL or str(o.value.get("error")).startswith("HTTP status")), None)


def _loop(history: History) -> Iterator[Finding]:
    """An end that nobody asked for, once a fault was done: to the server before this one, or to its client."""
    for gone in history.of(Op.EXIT):
        if gone.life > 1 or any(fault.i < gone.i for fault in history.of(Op.FAULT)):
            yield Finding(
                "recovery.loop",
                f"life {gone.life} ended by itself with {gone.value['how']} after the fault before it",
                (gone.i,),
                dict(gone.value),
            )


def recoveries_s(history: History) -> Iterator[float]:
    """Seconds from each restart after a confirmed fault to the first answer that a client had after it.

    How long the lab took to start it is not the server's; earlier versions counted from the fault.
    """
    measured = claimed.late_s(history) is not None
    killed: Operation | None = None
    for event in history.operations:
        if event.op is Op.FAULT and event.type is Type.OK and undoes(event):
            killed = event
        answered = event.op in (Op.CONNECT, Op.STATUS, Op.PROGRESS, Op.SUBMIT) and event.type is Type.OK
        if killed and answered and event.life > killed.life and event.process.startswith("client"):
            began = next((o for o in history.of(Op.BOOT) if o.life == event.life), None) if measured else None
            yield round(event.t - (claimed.asked_at(history, began, event) if began else killed.t), 6)
            killed = None


def undoes(fault: Operation) -> bool:
    """Whether a fault is one after which a server has to recover."""
    return Victim(fault.value["victim"]) in KINDS[fault.value["kind"]].undoes
