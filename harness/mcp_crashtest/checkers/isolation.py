"""Principals keep apart: what one was given, another can neither see nor touch, nor guess its name.

Each event says whose it is (``principal``); without one there is nobody to keep apart.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

from mcp_crashtest.model.operation import History, Op, Operation, Type, name_of
from mcp_crashtest.model.verdict import Finding

_TOUCHES = {
    Op.STATUS: "sees",
    Op.OUTPUT: "reads the output of",
    Op.CANCEL: "cancels",
    Op.PAUSE: "pauses",
    Op.RESUME: "resumes",
}
_NUMBER = re.compile(r"[A-Za-z_.:-]*?([0-9]+)(?:[.:_-][0-9]+)*")
_FEW_DIGITS, _NEAR = 15, 10**12


def check(history: History) -> Iterator[Finding]:
    """Judge who has reached whose tasks, and how they are called."""
    owners = {name_of(o.task): o for o in history.of(Op.SUBMIT, types=[Type.OK]) if o.task}
    if len({o.value.get("principal") for o in history.operations if "principal" in o.value}) > 1:
        yield from _first(_leaks(history, owners))
        yield from _guessable(owners)
    yield from _first(_reused(history))


def _first(findings: Iterator[Finding]) -> Iterator[Finding]:
    for finding in findings:
        yield finding
        return


def _leaks(history: History, owners: dict[str, Operation]) -> Iterator[Finding]:
    for event in history.of(*_TOUCHES, Op.LISTING, types=[Type.OK]):
        if "principal" not in event.value or _was_for_nothing(history, event):
            continue
        touched = [handle for handle, _ in event.value["tasks"]] if event.op is Op.LISTING else [event.task]
        for handle in touched:
            owner = owners.get(name_of(str(handle)))
            if owner and owner.i < event.i and owner.value.get("principal") != event.value["principal"]:
                does = _TOUCHES.get(event.op, "is shown in a list")
                yield Finding(
                    "isolation.leak",
                    f"{event.value['principal']} {does} the task {handle} of {owner.value.get('principal')}",
                    (owner.i, event.i),
                    {"task": str(handle)},
                )


def _was_for_nothing(history: History, event: Operation) -> bool:
    """An acknowledgement that promises nothing, and nothing came of it: some servers give one to everybody."""
    ended = (o for o in history.of(Op.STATUS, types=[Type.OK]) if o.i > event.i and o.task == event.task)
    return bool(event.value.get("advisory")) and all(o.value.get("status") != "cancelled" for o in ended)


def _guessable(owners: dict[str, Operation]) -> Iterator[Finding]:
    """Numbers that count up, or are times: short ones, or such that lie near each other."""
    numbers = {name: int(m[1]) for name in owners if (m := _NUMBER.fullmatch(name)) and len(m[1]) < 40}
    short = [name for name, number in numbers.items() if number < 10**_FEW_DIGITS]
    ordered = sorted(numbers, key=lambda name: numbers[name])
    near = [b for a, b in pairwise(ordered) if numbers[b] - numbers[a] < _NEAR]
    if found := short or near:
        yield Finding(
            "task.identity",
            f"the id {found[0]!r} can be guessed, and there are others who could ask for it",
            tuple(owners[name].i for name in found[:2]),
            {"ids": found[:10]},
        )


def _reused(history: History) -> Iterator[Finding]:
    """One id for two jobs that were asked for under different keys."""
    given: dict[str, tuple[object, Operation]] = {}
    asked: dict[str, object] = {}
    for event in history.of(Op.SUBMIT, types=[Type.INVOKE, Type.OK]):
        if event.type is Type.INVOKE:
            asked[event.process] = event.value.get("job")
        elif event.task is not None and (job := asked.get(event.process)) is not None:
            before_job, before = given.setdefault(event.task, (job, event))
            if before_job != job:
                yield given_twice(before, event)


def given_twice(before: Operation, after: Operation) -> Finding:
    """Of two acknowledged submissions, of two jobs: the same id."""
    return Finding(
        "task.identity",
        f"the id {after.task!r} was given to two jobs, in life {before.life} and in life {after.life}",
        (before.i, after.i),
        {"task": after.task},
    )
