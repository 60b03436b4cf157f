"""The contract ``resource-task``: a tool answers at once with a handle; the work is followed behind a resource."""

from __future__ import annotations

import asyncio
import re
from typing import Any

from mcp_crashtest.contracts.conversation import LOST, Conversation, Refused, Vanished, parse
from mcp_crashtest.contracts.job import excerpt
from mcp_crashtest.model.operation import Op, Type
from mcp_crashtest.model.profile import find
from mcp_crashtest.wire.errors import DeadlineExceeded, RpcError
from mcp_crashtest.wire.session import Session, ToolReply

_URI = re.compile(r"[a-z][a-z0-9+.-]*://[^\s\"'<>]+", re.IGNORECASE)
_SHORTEST_POLL_S = 0.01
_LONGEST_POLL_S = 0.05
_INVALID_PARAMS = -32602
_RESOURCE_NOT_FOUND = -32002
_WORDS = {
    "completed": frozenset({"completed", "complete", "done", "finished", "succeeded", "success"}),
    "failed": frozenset({"failed", "failure", "error", "errored"}),
    "cancelled": frozenset({"cancelled", "canceled", "aborted"}),
}


async def drive(conversation: Conversation) -> int:
    """Submit unless there is a handle, then follow the task to its end. Returns the exit code."""
    job, journal = conversation.job, conversation.journal
    journal.task = job.handle

    async def attempt(session: Session) -> None:
        if journal.task is None:
            await _submit(conversation, session)
        document, status = await _follow(conversation, session)
        if status != "completed":
            reason = find(document, "$.error") or find(document, "$.message")
            journal.write(Type.FAIL, Op.OUTPUT, reason=status, error=f"status {status!r}: {excerpt(reason)}")
            return
        await conversation.output(session, document, status)

    return await conversation.hold(attempt)


async def _submit(conversation: Conversation, session: Session) -> None:
    job, journal = conversation.job, conversation.journal
    journal.write(Type.INVOKE, Op.SUBMIT, tool=job.tool)
    try:
        reply = await session.call_tool(job.tool, dict(job.arguments), deadline_s=conversation.left_s)
    except (*LOST, DeadlineExceeded) as error:
        journal.write(Type.INFO, Op.SUBMIT, error=excerpt(error))
        raise
    handle = None if reply.is_error else handle_in(reply, job.observe.handle)
    if handle is None:
        journal.write(Type.FAIL, Op.SUBMIT, error=excerpt(reply.text))
        raise Refused(reply.text if reply.is_error else f"no resource URI in the tool's answer: {excerpt(reply.text)}")
    journal.task = handle
    journal.write(Type.OK, Op.SUBMIT)


def handle_in(reply: ToolReply, path: str | None) -> str | None:
    """The task's resource URI: at ``path`` in the structured answer, in a resource link, or the first in the text."""
    if path:
        found = find(reply.structured, path)
        return found if isinstance(found, str) else None
    links: list[str] = [
        c["uri"] for c in reply.content if c.get("type") == "resource_link" and isinstance(c.get("uri"), str)
    ]
    if links:
        return links[0]
    match = _URI.search(reply.text)
    return str(match[0]).rstrip(".,;)") if match else None


async def _follow(conversation: Conversation, session: Session) -> tuple[Any, str]:
    """Poll until the task ends; progress and status are journalled as they change."""
    observe, journal = conversation.job.observe, conversation.journal
    pause_s = _SHORTEST_POLL_S
    while True:
        document = await _read(conversation, session)
        status = normalise(find(document, observe.status))
        if status is None:
            journal.write(Type.FAIL, Op.STATUS, error=excerpt(document))
            raise Vanished(f"no status at {observe.status} in {excerpt(document)}")
        moved = journal.changed(Op.STATUS, status=status)
        done, total = find(document, observe.progress), find(document, observe.total)
        if isinstance(done, int | float) and isinstance(total, int | float):
            moved |= conversation.progress(done, total)
        if status in _WORDS:
            return document, status
        pause_s = _SHORTEST_POLL_S if moved else min(pause_s * 1.5, _LONGEST_POLL_S)
        await asyncio.sleep(pause_s)


async def _read(conversation: Conversation, session: Session) -> Any:
    journal = conversation.journal
    if journal.task is None:
        raise Refused("there is no handle to follow")
    try:
        return parse(await session.read_resource(journal.task, deadline_s=conversation.left_s))
    except RpcError as error:
        if error.code in (_INVALID_PARAMS, _RESOURCE_NOT_FOUND):
            journal.write(Type.FAIL, Op.STATUS, error=excerpt(error))
            raise Vanished(str(error)) from error
        raise


def normalise(status: Any) -> str | None:
    """A subject's word for a status, as one of ours where it means a task's end."""
    if not isinstance(status, str) or not status:
        return None
    word = status.lower()
    return next((ours for ours, theirs in _WORDS.items() if word in theirs), word)
