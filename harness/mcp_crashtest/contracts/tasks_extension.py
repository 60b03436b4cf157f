"""The contract ``tasks-extension``: ``io.modelcontextprotocol/tasks`` on revision 2026-07-28.

A tool call is answered with a task, which is followed with tasks/get. We ask more often than ``pollIntervalMs`` wants
us to: what happens between two polls is what a crash test is about.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from typing import Any

from mcp_crashtest.contracts.conversation import LOST, Conversation, Refused, Vanished, parse
from mcp_crashtest.contracts.job import excerpt
from mcp_crashtest.model.operation import Op, Type
from mcp_crashtest.model.profile import find
from mcp_crashtest.wire.errors import DeadlineExceeded, NoTask, RpcError
from mcp_crashtest.wire.session import Session, tool_reply

_SHORTEST_POLL_S = 0.01
_LONGEST_POLL_S = 0.05
_INVALID_PARAMS = -32602
_ENDED = frozenset({"completed", "failed", "cancelled"})
_DONE_OF_TOTAL = re.compile(r"([0-9]{1,15}) ?(?:/|of) ?([0-9]{1,15})")


async def drive(conversation: Conversation) -> int:
    """Start the task unless there is one, then follow it to its end. Returns the exit code."""
    job, journal = conversation.job, conversation.journal
    journal.task = job.handle

    async def attempt(session: Session) -> None:
        if journal.task is None:
            await _submit(conversation, session)
        task = await _follow(conversation, session)
        await _output(conversation, session, task)

    return await conversation.hold(attempt)


async def _submit(conversation: Conversation, session: Session) -> None:
    job, journal = conversation.job, conversation.journal
    journal.write(Type.INVOKE, Op.SUBMIT, tool=job.tool)
    try:
        task = await session.start_task(job.tool, dict(job.arguments), deadline_s=conversation.left_s)
    except (*LOST, DeadlineExceeded) as error:
        journal.write(Type.INFO, Op.SUBMIT, error=excerpt(error))
        raise
    except NoTask as error:
        journal.write(Type.FAIL, Op.SUBMIT, error=excerpt(error))
        why = error if error.refused else f"the tool answered without a task: {error}"
        raise Refused(str(why)) from None
    handle = task.get("taskId")
    if not isinstance(handle, str) or not handle:
        journal.write(Type.FAIL, Op.SUBMIT, error=excerpt(task))
        raise Refused(f"a task without a taskId: {excerpt(task)}")
    journal.task = handle
    journal.write(Type.OK, Op.SUBMIT)


async def _follow(conversation: Conversation, session: Session) -> Mapping[str, Any]:
    """Poll until the task ends; progress and status are journalled as they change."""
    journal, pause_s = conversation.journal, _SHORTEST_POLL_S
    while True:
        task = await _get(conversation, session)
        status = task.get("status")
        if not isinstance(status, str):
            journal.write(Type.FAIL, Op.STATUS, error=excerpt(task))
            raise Vanished(f"a task without a status: {excerpt(task)}")
        moved = journal.changed(Op.STATUS, status=status)
        if (progress := progress_of(conversation, task)) is not None:
            moved |= conversation.progress(*progress)
        if status in _ENDED:
            return task
        pause_s = _SHORTEST_POLL_S if moved else min(pause_s * 1.5, _LONGEST_POLL_S)
        await asyncio.sleep(pause_s)


def progress_of(conversation: Conversation, task: Mapping[str, Any]) -> tuple[float, float] | None:
    """How far the task is: where the profile says, else what ``statusMessage`` says in words such as "20/50"."""
    observe = conversation.job.observe
    done, total = find(task, observe.progress), find(task, observe.total)
    if isinstance(done, int | float) and isinstance(total, int | float):
        return done, total
    message = task.get("statusMessage")
    match = _DONE_OF_TOTAL.search(message) if isinstance(message, str) else None
    return (int(match[1]), int(match[2])) if match else None


async def _get(conversation: Conversation, session: Session) -> Mapping[str, Any]:
    journal = conversation.journal
    if journal.task is None:
        raise Refused("there is no task to follow")
    try:
        return await session.ask_task("get", journal.task, deadline_s=conversation.left_s)
    except RpcError as error:
        if error.code == _INVALID_PARAMS:
            journal.write(Type.FAIL, Op.STATUS, error=excerpt(error))
            raise Vanished(str(error)) from error
        raise


async def _output(conversation: Conversation, session: Session, task: Mapping[str, Any]) -> None:
    """A completed task's result is what the tool would have answered; an error in it is no success."""
    journal, result = conversation.journal, task.get("result")
    reply = tool_reply(result if isinstance(result, dict) else {})
    if task["status"] != "completed" or reply.is_error or not isinstance(result, dict):
        status = "failed" if task["status"] == "completed" else task["status"]
        reason = reply.text or find(task, "$.error.message") or task.get("statusMessage")
        journal.write(Type.FAIL, Op.OUTPUT, reason=status, error=f"status {status!r}: {excerpt(reason)}")
        return
    document = reply.structured if reply.structured is not None else parse(reply.text)
    if isinstance(document, dict):
        document = {"task_id": journal.task, **document}
    await conversation.output(session, document, "completed")
