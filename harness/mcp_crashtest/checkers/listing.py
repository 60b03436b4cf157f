"""Lists and statistics agree with what the tasks themselves have said: nothing that is known is missing or otherwise.

A task that has not ended may have moved on between two questions; one that has ended may not. A task that the same
session cannot look at either (``unknown``) is rightly in no list of it: whether it had to be there is told by others.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from mcp_crashtest.checkers.control import stopped
from mcp_crashtest.checkers.lifecycle import TERMINAL, is_over
from mcp_crashtest.model.operation import History, Op, Operation, Type, name_of
from mcp_crashtest.model.verdict import Finding


def check(history: History) -> Iterator[Finding]:
    """Judge each list and each statistic; the first that disagrees is enough."""
    for asked in history.of(Op.LISTING, Op.STATS, types=[Type.OK]):
        known = _known(history, asked)
        kept = _without_cancelled(history, asked, known)
        disagreements = _in_list(asked, known, kept) if asked.op is Op.LISTING else _in_numbers(asked, kept)
        for what, shown in disagreements:
            yield Finding(
                "task.listing",
                f"in life {asked.life} {what}",
                (*(o.i for o in shown), asked.i),
                {"life": asked.life},
            )
            return


def _known(history: History, asked: Operation) -> Mapping[str, Operation]:
    """By name, each task that this principal was given and that is still kept: its end, or else its submission."""
    mine, began = asked.value.get("principal"), _began(history, asked)
    known: dict[str, Operation] = {}
    for event in history.of(Op.SUBMIT, Op.STATUS, types=[Type.OK]):
        if event.task is None or event.i > began or event.value.get("principal") != mine:
            continue
        ended = event.op is Op.STATUS and event.value.get("status") in TERMINAL
        if event.op is Op.SUBMIT or (ended and name_of(event.task) in known):
            known[name_of(event.task)] = event
    unknown = {name_of(str(handle)) for handle in asked.value.get("unknown", ())}
    kept = {name: event for name, event in known.items() if name not in unknown}
    return {name: event for name, event in kept.items() if not is_over(history, event.task, at=asked)}


def _without_cancelled(history: History, asked: Operation, known: Mapping[str, Operation]) -> Mapping[str, Operation]:
    """Those that must be there: a task that was cancelled may be forgotten."""
    told = {name: stopped(history, event.task, at=asked.i) for name, event in known.items()}
    return {name: event for name, event in known.items() if told[name] is not Op.CANCEL}


def _began(history: History, asked: Operation) -> int:
    """Where the question was put: what came to be known later may have happened later too."""
    put = [o.i for o in history.of(asked.op, types=[Type.INVOKE]) if o.i < asked.i and o.process == asked.process]
    return max(put, default=asked.i)


def _in_list(
    asked: Operation, known: Mapping[str, Operation], kept: Mapping[str, Operation]
) -> Iterator[tuple[str, list[Operation]]]:
    listed = [(name_of(str(handle)), status) for handle, status in asked.value["tasks"]]
    twice = [name for name, times in Counter(name for name, _ in listed).items() if times > 1]
    if twice:
        yield f"the task {twice[0]} is in the list twice", []
    statuses = dict(listed)
    for name, event in known.items():
        if name not in statuses and name in kept and asked.value.get("complete", True):
            how = f"ended as {_said(event)!r}" if event.op is Op.STATUS else "was acknowledged"
            yield f"the task {name} is not in the list, and it {how} in life {event.life}", [event]
        elif event.op is Op.STATUS and (statuses.get(name) or _said(event)) != _said(event):
            yield f"the task {name} is {statuses[name]!r} in the list, and had ended as {_said(event)!r}", [event]


def _in_numbers(asked: Operation, known: Mapping[str, Operation]) -> Iterator[tuple[str, list[Operation]]]:
    counts = asked.value["counts"]
    ended = Counter(str(o.value["status"]) for o in known.values() if o.op is Op.STATUS)
    for word, number in ended.items():
        if counts.get(word, 0) < number:
            shown = [o for o in known.values() if o.value.get("status") == word]
            yield f"the statistics count {counts.get(word, 0)} tasks as {word!r}, and {number} have ended so", shown
    total = counts.get("total", sum(counts.values()))
    if total < len(known):
        yield f"the statistics count {total} tasks, and {len(known)} were acknowledged", list(known.values())


def _said(event: Operation) -> str:
    return str(event.value["status"])
