"""What was done stays done: a result that was read once is the same whenever it is read again.

That the status stays, and the handle and the id, is judged with all other statuses (lifecycle, identity).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from mcp_crashtest.checkers.outputs import read_again, some
from mcp_crashtest.checkers.result import missing
from mcp_crashtest.model.claims import held
from mcp_crashtest.model.operation import History, Op, Operation, Type
from mcp_crashtest.model.verdict import Finding

_ADVICE = "Store the result with the status, in one transaction, and read both from there however often it is asked."


def was_seen(history: History) -> bool:
    """Whether somebody looked again after a fault that came behind the first output; or there was none."""
    ended = next(history.of(Op.OUTPUT), None)
    if ended is None:
        return True
    struck = next((o for o in history.of(Op.FAULT, types=[Type.OK]) if o.i > ended.i), None)
    if struck is None:
        return False
    looked = history.of(Op.STATUS, Op.OUTPUT, Op.EXIT, Op.END, types=[Type.OK, Type.FAIL])
    return any(o.i > struck.i and (o.op is not Op.END or o.value.get("reason") == "stalled") for o in looked)


def check(history: History) -> Iterator[Finding]:
    """Judge everything that was read again."""
    yield from _refused(history)
    for first, again in read_again(history):
        changed = list(_changed(history, first, again))
        yield from changed
        if not changed:
            yield from _less(first, again)
    yield from _undone(history)


def _refused(history: History) -> Iterator[Finding]:
    """A result that had been read, and is refused now."""
    given = {o.task: o for o in history.of(Op.OUTPUT, types=[Type.OK]) if o.value.get("status") == "completed"}
    for output in history.of(Op.OUTPUT, types=[Type.FAIL]):
        before = given.get(output.task)
        if before is None or before.i > output.i or output.value.get("reason") == "vanished":
            continue
        yield Finding(
            "records.lost",
            f"the result was read in life {before.life}, and in life {output.life} the answer is "
            f"{output.value.get('error', 'an error')}",
            (before.i, output.i),
            {"reason": output.value.get("reason")},
            _ADVICE,
        )
        return


def _changed(history: History, first: Operation, again: Operation) -> Iterator[Finding]:
    """Records that were there, or that were not, and a count of them that is another one now."""
    shown = (first.i, again.i)
    if first.value.get("records") not in (None, again.value.get("records")):
        yield from _records(history, first, again)
    if first.value.get("count") != again.value.get("count"):
        yield Finding(
            "records.count",
            f"the finished job reported {_number(first)} records, and reports {_number(again)} when it is read again",
            shown,
            {},
            _ADVICE,
        )


def _records(history: History, first: Operation, again: Operation) -> Iterator[Finding]:
    before = [(key, digest) for key, digest in first.value["records"]]
    now = [(key, digest) for key, digest in again.value.get("records") or ()]
    had, has = Counter(key for key, _ in before), Counter(key for key, _ in now)
    shown = (first.i, again.i)
    if lost := [key for key in had if key not in has]:
        yield Finding("records.lost", _said(lost, "were in the result and are not any more"), shown, {}, _ADVICE)
    elif twice := [key for key in had if has[key] > had[key]]:
        yield Finding("records.duplicated", _said(twice, "are in the result more often than before"), shown)
    elif Counter(now) != Counter(before) or (held(history.header.claims, "records.reordered") and now != before):
        yield Finding("task.resurrected", "the result of the finished job is another one now", shown, {}, _ADVICE)


def _less(first: Operation, again: Operation) -> Iterator[Finding]:
    """A part of the result that is gone, or an error that stands in it now."""
    lost, before = missing(first, again), first.value.get("errors") or {}
    errors = [name for name in again.value.get("errors") or {} if name not in before]
    if lost or errors:
        what = f"does not say {lost[0]!r} any more" if lost else f"holds an error now, {errors[0]!r},"
        yield Finding(
            "task.resurrected",
            f"the result of the finished job {what} when it is read again",
            (first.i, again.i),
            {"missing": lost, "errors": errors},
            _ADVICE,
        )


def _undone(history: History) -> Iterator[Finding]:
    """Progress that falls behind the end, which no claim allows."""
    if held(history.header.claims, "progress.regressed"):
        return  # then the checker of progress has seen it
    ended: dict[str | None, Operation] = {}
    for event in history.of(Op.STATUS, Op.PROGRESS, types=[Type.OK]):
        if event.op is Op.STATUS and event.value["status"] == "completed":
            ended.setdefault(event.task, event)
        elif event.op is Op.PROGRESS and event.value["done"] < history.header.workload["records"]:
            end = ended.get(event.task)
            if end is None or event.life == end.life:
                continue
            yield Finding(
                "progress.regressed",
                f"the job had ended in life {end.life}, and in life {event.life} its progress is {event.value['done']}",
                (end.i, event.i),
            )
            return


def _number(output: Operation) -> str:
    return f"{output.value.get('count')!s:.100}"


def _said(keys: list[str], what: str) -> str:
    return f"{len(keys)} records {what}: {some(keys)}"
