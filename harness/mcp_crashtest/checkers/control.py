"""What was acknowledged of a task's control holds: a cancelled or paused task does not work on.

Behind a restart there is no excuse: neither progress nor the ledger moves, and no output comes. What the ledger held
while nobody lived, and the batch that was under way when it was acknowledged, count as done before. Within a life the
work may take its time to stop; but a job that comes to its output by several batches more was not stopped at all. The
Tasks extension's own acknowledgement is advisory: it binds from where the task says that it is cancelled.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from mcp_crashtest.model.columns import as_table
from mcp_crashtest.model.operation import History, Op, Operation, Type
from mcp_crashtest.model.verdict import Finding

_DONE = {Op.CANCEL: "cancel", Op.PAUSE: "pause"}
_CANCELLED, _ENDS = "cancelled", frozenset({"completed", "failed", "cancelled"})
_ENDED = (_CANCELLED, "failed", "vanished")
_STOPPING = 3  # batches that the work may take to stop
Shown = Iterator[tuple[Operation, str]]


def check(history: History) -> Iterator[Finding]:
    """Judge what happened behind each acknowledged cancel or pause, and whether a paused task can go on."""
    yield from _stuck(history)
    for asked in history.of(*_DONE, types=[Type.OK]):
        binding = _binding(history, asked)
        if binding is None or _is_foreign(history, asked):
            continue
        behind = _behind(history, asked, binding)
        for went_on, what in (*_after_restart(history, binding, behind), *_within_life(history, asked, behind)):
            yield Finding(
                "task.cancel-forgotten",
                f"the {_DONE[asked.op]} of {asked.task} was acknowledged in life {asked.life}, and in life "
                f"{went_on.life} {what}",
                (asked.i, went_on.i),
                {"asked": str(asked.op)},
            )
            return


def _stuck(history: History) -> Iterator[Finding]:
    """A task that was paused, says so, and is not let go on."""
    for refused in history.of(Op.RESUME, types=[Type.FAIL]):
        paused = next((o for o in history.of(Op.PAUSE, types=[Type.OK]) if o.task == refused.task), None)
        seen = [o for o in history.of(Op.WORKED, Op.STATUS, types=[Type.OK]) if o.i < refused.i and "status" in o.value]
        if paused and seen and seen[-1].life == refused.life and _is_unfinished(seen[-1]):
            yield Finding(
                "task.orphaned",
                f"{refused.task} was paused in life {paused.life}, and in life {refused.life}, where it is "
                f"{seen[-1].value['status']!r}, the server refuses to let it go on: {refused.value.get('error')}",
                (paused.i, seen[-1].i, refused.i),
                {"error": refused.value.get("error")},
            )
            return


def stopped(history: History, task: str | None, *, at: int) -> Op | None:
    """The acknowledged cancel or pause that a task stands under at an event; None where it is to work.

    One that was asked for, and whose answer nobody has heard, may have been heard all the same.
    """
    told = [
        o
        for o in history.of(*_DONE, Op.RESUME)
        if o.task == task and o.i < at and o.type is not Type.FAIL and not _is_foreign(history, o)
    ]
    return told[-1].op if told and told[-1].op is not Op.RESUME else None


def ended_by_order(history: History, output: Operation) -> bool:
    """Whether a job ended as one does that was cancelled: it says so, or that it failed, or is not there any more.

    Cancelled by whomever: that he was heard is another finding where it was not his.
    """
    told = (o for o in history.of(Op.CANCEL) if o.task == output.task and o.i < output.i and o.type is not Type.FAIL)
    if output.value.get("reason") == "vanished" and came_too_late(history, output.task):
        return False
    return output.value.get("reason") in _ENDED and any(True for _ in told)


def came_too_late(history: History, task: str | None) -> bool:
    """Whether each cancel of a task was refused, in a later life than gave the task: a task that was lost before it."""
    given = next((o.life for o in history.of(Op.SUBMIT, types=[Type.OK]) if o.task == task), None)
    asked = [o for o in history.of(Op.CANCEL) if o.task == task]
    refused = [o for o in asked if o.type is Type.FAIL]
    begun = [o for o in asked if o.type is Type.INVOKE]
    return given is not None and len(refused) == len(begun) > 0 and all(o.life > given for o in begun)


def _is_foreign(history: History, asked: Operation) -> bool:
    """Whether somebody has asked whose task it is not: that he was heard at all is the flaw."""
    owners = {o.value.get("principal") for o in history.of(Op.SUBMIT, types=[Type.OK]) if o.task == asked.task}
    return bool(owners) and asked.value.get("principal") not in owners


def _binding(history: History, asked: Operation) -> Operation | None:
    """From where on it binds; None where it never did."""
    if not asked.value.get("advisory") or asked.value.get("status") == _CANCELLED:
        return asked
    shown = (
        o for o in history.of(Op.STATUS, Op.WORKED, types=[Type.OK]) if o.i > asked.i and o.task in (None, asked.task)
    )
    return next((o for o in shown if o.value.get("status") == _CANCELLED), None)


def _behind(history: History, asked: Operation, binding: Operation) -> list[Operation]:
    """What happened behind it, up to where the task was told to go on."""
    refused = {o.i for o in history.of(Op.RESUME, types=[Type.FAIL])}
    told = (o for o in history.of(Op.RESUME) if o.task == asked.task and o.i > binding.i)
    resumed = next((o.i for o in told if o.type is Type.OK or not _was_refused(history, o, refused)), None)
    within = range(binding.i + 1, len(history.operations) if resumed is None else resumed)
    return [o for o in history.operations if o.i in within and o.task in (None, asked.task)]


def _was_refused(history: History, told: Operation, refused: set[int]) -> bool:
    """Whether the answer to this, or this itself, was no."""
    answer = next((o.i for o in history.of(Op.RESUME) if o.i > told.i and o.process == told.process), None)
    return told.i in refused or answer in refused


# --- behind a restart


def _after_restart(history: History, binding: Operation, behind: Sequence[Operation]) -> Shown:
    later = [o for o in behind if o.life > binding.life and o.op is not Op.BOOT]
    for life in sorted({o.life for o in later}):
        lived = [o for o in later if o.life == life]
        yield from _rises(lived)
        yield from _completes(lived)
    yield from _ledger_grows(history, binding, behind)


def _rises(lived: Sequence[Operation]) -> Shown:
    """Progress that one and the same observer has seen to rise."""
    for op in (Op.PROGRESS, Op.WORKED):
        seen = [o for o in lived if o.op is op and o.value.get("done") is not None]
        for risen in seen:
            if risen.value["done"] > seen[0].value["done"]:
                yield risen, f"its progress rises to {risen.value['done']}"
                return


def _completes(lived: Sequence[Operation]) -> Shown:
    """An output of a job that was seen unfinished in the same life."""
    unfinished = [o for o in lived if o.op in (Op.STATUS, Op.WORKED) and _is_unfinished(o)]
    for output in lived:
        if output.op is Op.OUTPUT and output.type is Type.OK and any(o.i < output.i for o in unfinished):
            yield output, f"it comes to its output as {output.value.get('status')!r}"
            return


def _is_unfinished(seen: Operation) -> bool:
    return seen.type is Type.OK and seen.value.get("status", _CANCELLED) not in (*_ENDS, None)


def _ledger_grows(history: History, binding: Operation, behind: Sequence[Operation]) -> Shown:
    """Executions that are added in a later life; with other tasks under way nobody looks."""
    looks = [(o, executed) for o in behind if (executed := _executed(o)) is not None]
    for (before, done), (later, executed) in pairwise(looks):
        more = executed - done
        under_way = 0 if before.life == later.life else history.header.workload["batch"]
        if later.life > binding.life and more > under_way:
            yield later, f"{more} records more were executed"
            return


def _executed(look: Operation) -> int | None:
    """How many executions a look at the ledger shows; None where it is none."""
    executed: int | None = look.value.get("executions") if look.op is Op.WORKED else None
    return sum(as_table(look.value["executions"], 3).columns[2]) if look.op is Op.EFFECTS else executed


# --- within a life


def _within_life(history: History, asked: Operation, behind: Sequence[Operation]) -> Shown:
    """A task that stands still in its own words, and works on; or that works on to its end."""
    if asked.value.get("advisory"):
        return
    lived = [o for o in behind if o.life == asked.life]
    if any(_is_stopping(o) for o in lived):
        return  # it says itself that it takes its time
    batch = history.header.workload["batch"]
    looks = [o for o in lived if o.op is Op.WORKED]
    for before, later in pairwise(looks):
        for name, what in (("executions", "records more were executed"), ("done", "more are shown as done")):
            if None not in (before.value.get(name), later.value.get(name)):
                more = later.value[name] - before.value[name]
                if more > batch and (_stands_still(before) or more > _STOPPING * batch):
                    yield later, f"{more} {what} while nothing restarted it"
                    return
    yield from _completes_all_the_same(history, asked, behind, lived)


def _is_stopping(seen: Operation) -> bool:
    status = str(seen.value.get("status", "")).lower()
    on_its_way = status != _CANCELLED and ("cancel" in status or "stopping" in status)
    return on_its_way and seen.op in (Op.STATUS, Op.WORKED)


def _stands_still(seen: Operation) -> bool:
    return seen.value.get("status") in (_CANCELLED, "paused")


def _completes_all_the_same(
    history: History, asked: Operation, behind: Sequence[Operation], lived: Sequence[Operation]
) -> Shown:
    """An output behind several batches more, by the ledger or by what was seen some time after it was acknowledged."""
    output = next((o for o in lived if o.op is Op.OUTPUT and o.type is Type.OK), None)
    if output is None:
        return
    stopping = _STOPPING * history.header.workload["batch"]
    executed = next((_executed(o) for o in behind if o.op is Op.EFFECTS), None)
    known = asked.value.get("executions")
    if executed is not None and known is not None:
        if executed - known >= stopping:
            yield output, f"it comes to its output by {executed - known} records more, as if nothing had been asked"
        return
    seen = next((o for o in lived if o.op is Op.WORKED), None)
    if seen is not None and _is_unfinished(seen) and seen.i < output.i:
        left = history.header.workload["records"] - (seen.value.get("done") or 0)
        if left >= stopping and not _stands_still(seen):
            yield (
                output,
                f"it comes to its output, and {left} records were left when it should have stopped",
            )
