"""What was acknowledged of a task's control survives the crash: a cancelled or paused task does not work on.

Cancelling is a request between two who live: within a life the work may take its time to stop. Behind a restart there
is no excuse: neither progress nor the ledger moves, and no output comes. The batch that was under way when it was
acknowledged may have been finished without anybody seeing it.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from mcp_crashtest.model.operation import History, Op, Operation, Type
from mcp_crashtest.model.verdict import Finding

_DONE = {Op.CANCEL: "cancel", Op.PAUSE: "pause"}


def check(history: History) -> Iterator[Finding]:
    """Judge what happened behind each acknowledged cancel or pause, once a restart lay between."""
    for asked in history.of(*_DONE, types=[Type.OK]):
        after = [o for o in _behind(history, asked) if o.life > asked.life]
        for went_on, what in (*_progress(history, asked, after), *_output(history, asked, after), *_ledger(after)):
            yield Finding(
                "task.cancel-forgotten",
                f"the {_DONE[asked.op]} of {asked.task} was acknowledged in life {asked.life}, and in life "
                f"{went_on.life} {what}",
                (asked.i, went_on.i),
                {"asked": str(asked.op)},
            )
            return


def stopped(history: History, task: str | None, *, at: int) -> Op | None:
    """The acknowledged cancel or pause that a task stands under at an event; None where it is to work."""
    told = [o for o in history.of(*_DONE, Op.RESUME, types=[Type.OK]) if o.task == task and o.i < at]
    return told[-1].op if told and told[-1].op is not Op.RESUME else None


def _behind(history: History, asked: Operation) -> list[Operation]:
    """What happened behind it, up to where the task was told to go on."""
    after = [o for o in history.operations if o.i > asked.i]
    end = next((n for n, o in enumerate(after) if o.op is Op.RESUME and o.task == asked.task), len(after))
    return after[:end]


def _progress(history: History, asked: Operation, after: list[Operation]) -> Iterator[tuple[Operation, str]]:
    known = (o.value["done"] for o in history.of(Op.PROGRESS) if o.task == asked.task and o.life <= asked.life)
    reached = max(known, default=0) + history.header.workload["batch"]
    first: Operation | None = None
    for seen in after:
        if seen.op is not Op.PROGRESS or seen.task != asked.task:
            continue
        first = first or seen
        if seen.value["done"] > min(reached, first.value["done"]):
            yield seen, f"its progress rises to {seen.value['done']}"
            return


def _output(history: History, asked: Operation, after: list[Operation]) -> Iterator[tuple[Operation, str]]:
    """A job that was all but done may have ended just as it was told to stop."""
    known = (o.value["done"] for o in history.of(Op.PROGRESS) if o.task == asked.task and o.i < asked.i)
    if max(known, default=0) + history.header.workload["batch"] >= history.header.workload["records"]:
        return
    for output in after:
        if output.op is Op.OUTPUT and output.type is Type.OK and output.task == asked.task:
            yield output, f"it comes to its output as {output.value.get('status')!r}"


def _ledger(after: list[Operation]) -> Iterator[tuple[Operation, str]]:
    """Executions that are added between two looks at the ledger; with other tasks under way nobody looks."""
    looks = [o for o in after if o.op is Op.WORKED]
    for before, later in pairwise(looks):
        if later.value["executions"] > before.value["executions"]:
            yield later, f"{later.value['executions'] - before.value['executions']} records more were executed"
