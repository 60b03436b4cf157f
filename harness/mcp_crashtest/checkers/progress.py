"""Progress, as clients saw it: never undone by a crash, rising within a life, never beyond the total.

Progress counts records, whatever unit the subject uses on the wire; the contract has converted it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from mcp_crashtest.checkers.outputs import interrupts
from mcp_crashtest.model.claims import held
from mcp_crashtest.model.operation import History, Op, Operation, Type
from mcp_crashtest.model.verdict import Finding

Call = tuple[int, str, int]

_FIRST_LIFE = 1
_IN_MEMORY = (
    "The job begins anew in each life: what it has done is kept in memory, or thrown away when the call is made again. "
    "Store each batch with a cursor, in one transaction, and go on behind it."
)


def check(history: History) -> Iterator[Finding]:
    """Judge every progress event; one finding a kind is enough."""
    yield from _first(_regressed(history))
    yield from _first(_gone(history))
    yield from _first(_exceeded(history))
    yield from _first(_fallen(history))


def _first(findings: Iterator[Finding]) -> Iterator[Finding]:
    for finding in findings:
        yield finding
        return


def _by_call(history: History, op: Op = Op.PROGRESS) -> Iterator[tuple[Operation, Call]]:
    """Progress, or what was shown, with the life, the client and the number of the client's call in which it was seen.

    A call begins with a submission or a new connection: a client that comes back to the same life begins another.
    """
    begun: Counter[str] = Counter()
    for event in history.of(op, Op.SUBMIT, Op.CONNECT):
        if event.op is op:
            yield event, (event.life, event.process, begun[event.process])
        elif event.op is Op.CONNECT or event.type is Type.INVOKE:
            begun[event.process] += 1


def _regressed(history: History) -> Iterator[Finding]:
    """From one call to the next progress is kept, whichever side has crashed between them."""
    if not held(history.header.claims, "progress.regressed"):
        return
    highest: dict[str | None, tuple[Operation, Call]] = {}
    for seen, call in _by_call(history):
        before, its_call = highest.setdefault(seen.task, (seen, call))
        if seen.value["done"] > before.value["done"]:
            highest[seen.task] = seen, call
        elif seen.value["done"] < before.value["done"] and call != its_call:
            yield Finding(
                "progress.regressed",
                f"progress {before.value['done']} was seen by {before.process} in life {before.life}, and "
                f"{seen.value['done']} by {seen.process} in life {seen.life} after it",
                (before.i, seen.i),
                {"before": before.value["done"], "after": seen.value["done"]},
            )


def _gone(history: History) -> Iterator[Finding]:
    """Records that a call has shown are there when they are asked for again, before it is made anew or behind that.

    Who shows none before the end has none to lose, and who shows none behind a restart may read his store only when
    he is called. Answers of two clients may overtake each other.
    """
    if not held(history.header.claims, "progress.regressed"):
        return
    highest: dict[str | None, tuple[Operation, Call]] = {}
    for seen, call in _by_call(history, Op.SHOWN):
        before, its_call = highest.setdefault(seen.task, (seen, call))
        asked_later = seen.value["asked_at"] > before.t
        if seen.value["done"] > before.value["done"]:
            highest[seen.task] = seen, call
        elif 0 < seen.value["done"] < before.value["done"] and call != its_call and asked_later:
            yield Finding(
                "progress.regressed",
                f"{before.value['done']} records were shown to {before.process} in life {before.life}, and "
                f"{seen.value['done']} to {seen.process} in life {seen.life} after it",
                (before.i, seen.i),
                {"before": before.value["done"], "after": seen.value["done"]},
                _IN_MEMORY,
            )


def _exceeded(history: History) -> Iterator[Finding]:
    workload = history.header.workload["records"]
    for seen in history.of(Op.PROGRESS):
        if seen.value["done"] > workload:
            yield Finding(
                "progress.monotonic",
                f"progress {seen.value['done']} exceeds the workload of {workload} records",
                (seen.i,),
                {"done": seen.value["done"], "workload": workload},
            )


def _fallen(history: History) -> Iterator[Finding]:
    """Within one call progress rises; who does not claim to resume may begin anew once in a life behind a crash.

    Until it does, the progress that the last life has left may still be shown: a queue gives the job out again later.
    """
    anew = set() if held(history.header.claims, "progress.regressed") else _new_beginnings(history)
    last: dict[tuple[str | None, Call], Operation] = {}
    for event, call in _by_call(history):
        before = last.get((event.task, call))
        if before and event.value["done"] <= before.value["done"] and event.i not in anew:
            yield Finding(
                "progress.monotonic",
                f"progress does not rise within life {event.life}: {before.value['done']}, then {event.value['done']}",
                (before.i, event.i),
                {"before": before.value["done"], "after": event.value["done"]},
            )
        last[event.task, call] = event


def _new_beginnings(history: History) -> set[int]:
    """Falls of a task's progress that are the job's new beginning: one behind each interruption.

    A new life: the first fall in it, where nothing was seen to be done in it before; the first progress seen in a life
    may have been done at the end of the last one. A service's death, or an error that came of it: one fall, whenever
    the server notices that what it had done is gone.
    """
    left: dict[str | None, float] = {}  # the most that the last life can have left
    last: dict[str | None, Operation] = {}
    begun: set[int] = set()
    fell: set[tuple[str | None, int]] = set()
    excused: Counter[str | None] = Counter()  # how many of the interruptions by services have had their fall
    interruptions = 0
    for event in history.of(Op.PROGRESS, Op.FAULT, Op.OUTAGE):
        if event.op is not Op.PROGRESS:
            interruptions += interrupts(event)
            continue
        task, life, done, before = event.task, event.life, event.value["done"], last.get(event.task)
        if before is None or before.life != life:
            left[task] = max(left.get(task, 0), done, before.value["done"] if before else 0)
        elif done < before.value["done"]:
            if life > _FIRST_LIFE and before.value["done"] <= left[task] and (task, life) not in fell:
                begun.add(event.i)
                fell.add((task, life))
            elif excused[task] < interruptions:
                begun.add(event.i)
                excused[task] = interruptions
            else:
                fell.add((task, life))
        last[task] = event
    return begun
