"""Many jobs at once: each is judged as if it had been alone, and none stands still while the others are done.

A server may do one job after the other, in the order in which they came, or some of each. But one of which work was
seen is not left alone until all that came later are done. Where they are several principals', each keeps to its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from mcp_crashtest.checkers import isolation
from mcp_crashtest.model.columns import Table, as_table
from mcp_crashtest.model.companions import (
    FEWEST_OTHERS,
    MEMBERS,
    expected_by,
    is_of_second,
    is_refusal,
    member_of,
    size_of,
)
from mcp_crashtest.model.operation import History, Op, Operation, Type, name_of
from mcp_crashtest.model.verdict import Finding

_TAKE_TURNS = "Give each task its turn, in the order in which they came: whoever waits longest is the next."


def views(history: History) -> Sequence[History]:
    """What each client saw, with what the lab did."""
    named = {number: _name(history, number) for number in range(MEMBERS + 1)}
    others = {number: [o for n, o in named.items() if n != number] for number in named}
    found = [_view(history, number, named[number], others[number]) for number in named]
    return [view for view in found if view is not None]


def _view(history: History, number: int, name: str | None, others: Sequence[str | None]) -> History | None:
    own = [_as_first(o, number) for o in history.operations if _is_of(o, number)]
    if number and (not any(o.op is Op.SUBMIT for o in own) or any(is_refusal(o) for o in own if o.op is Op.OUTPUT)):
        return None  # it never came to be, or the server takes fewer
    ended = any(o.op is Op.OUTPUT for o in own)
    size, told_by = size_of(history.header.plan, number), expected_by(history.header.plan, number)
    kept: list[Operation] = []
    mine = {o.i: o for o in own}
    for event in history.operations:
        if event.i in mine:
            kept.append(mine[event.i])
        elif event.op is Op.EXPECT:
            if event.process == told_by or (told_by == "lab" and not is_of_second(event)):
                kept.append(replace(event, process="lab"))
        elif event.op is Op.EFFECTS:
            kept.extend(_effects(event, name, others))
        elif event.op is Op.END and ended:
            kept.append(replace(event, value={**event.value, "reason": "output"}))
        elif not event.process.startswith(("client", "second")):
            kept.append(event)
    header = history.header
    claims = {**header.claims, "recovery_deadline_s": None}  # many share the server's time
    return replace(
        history,
        header=replace(header, claims=claims, workload={**header.workload, **(size or {})}),
        operations=kept,
    )


def _is_of(event: Operation, number: int) -> bool:
    return event.process.startswith("client") if number == 0 else member_of(event) == number


def _as_first(event: Operation, number: int) -> Operation:
    """As if its client had been the first one; what it expected is not its own event."""
    return event if number == 0 else replace(event, process=f"client-{number}")


def _effects(event: Operation, name: str | None, others: Sequence[str | None]) -> Iterator[Operation]:
    """Those of one job, where the ledger tells jobs apart by the names that the server has given them."""
    executions = as_table(event.value["executions"], 3)
    known = set(executions.columns[0])
    if name is not None and name in known and not known & {name} & set(others):
        mine = (row for row in executions if row[0] == name)
        value = {key: inner for key, inner in event.value.items() if key != "stretches"}
        yield replace(event, value={**value, "executions": Table.of(mine, width=3)})


def _name(history: History, number: int) -> str | None:
    given = (o.task for o in history.of(Op.SUBMIT, types=[Type.OK]) if _is_of(o, number))
    return next((name_of(task) for task in given if task is not None), None)


def check(history: History) -> Iterator[Finding]:
    """Judge the jobs against each other."""
    yield from _one_id(history)
    yield from isolation.check(history)
    for number in range(MEMBERS + 1):
        for finding in _starved(history, number):
            yield finding
            return


def _one_id(history: History) -> Iterator[Finding]:
    seen: dict[str, Operation] = {}
    for given in history.of(Op.SUBMIT, types=[Type.OK]):
        if given.task is None:
            continue
        before = seen.setdefault(given.task, given)
        if _number(before) != _number(given):
            yield Finding(
                "task.identity",
                f"the id {given.task} was given to two jobs",
                (before.i, given.i),
                {"task": given.task},
            )
            return


def _number(event: Operation) -> int:
    return member_of(event) or 0


def _starved(history: History, number: int) -> Iterator[Finding]:
    """One job: seen to begin, and then not to move until all those that were asked for behind it were done.

    Where it was then, its next look shows: who has gone on meanwhile, and was not looked at, has not stood still.
    """
    asked: dict[int, Operation] = {}
    for given in history.of(Op.SUBMIT, types=[Type.OK]):
        asked.setdefault(_number(given), given)
    ends = {_number(o): o for o in history.of(Op.OUTPUT, types=[Type.OK])}
    later = [one for one, given in asked.items() if number in asked and given.i > asked[number].i]
    if len(later) < FEWEST_OTHERS or not all(one in ends for one in later):
        return
    began, ended = max(asked[one].i for one in later), max(ends[one].i for one in later)
    whole = {**history.header.workload, **(size_of(history.header.plan, number) or {})}
    moved = [o for o in history.of(Op.PROGRESS) if _number(o) == number]
    before = [o for o in moved if o.i < began]
    done = max((o.value["done"] for o in before), default=0)
    behind = next((o.i for o in moved if o.i > ended), ended)
    new = [o for o in moved if began < o.i <= behind and o.value["done"] > done + whole["batch"]]
    if done and done < whole["records"] and not new and not (number in ends and ends[number].i < behind):
        yield Finding(
            "task.orphaned",
            f"{_named(number)} stood still at {done:g} of {whole['records']} records until the {len(later)} that were "
            f"asked for after it were done",
            (before[-1].i, ended),
            {"done": done, "others": len(later)},
            _TAKE_TURNS,
        )


def _named(number: int) -> str:
    return f"job {number + 1} of {MEMBERS + 1}" if number else "the first job"


def unproven(history: History) -> Iterator[str]:
    """Where the server takes few jobs at a time."""
    done = {_number(o) for o in history.of(Op.OUTPUT) if o.type is Type.OK or not is_refusal(o)} - {0}
    if len(done) < FEWEST_OTHERS and not any(o.value.get("reason") == "stalled" for o in history.of(Op.END)):
        yield f"beside the first job {len(done)} came to an end, and many at once are {FEWEST_OTHERS} at least"
