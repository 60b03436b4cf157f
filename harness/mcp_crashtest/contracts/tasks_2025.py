"""Core tasks of revision 2025-11-25: a call with ``task`` in it is answered with a task, followed by tasks/get.

What has ended is asked for its result by tasks/result, which would block before. That revision alone has them, and the
server has to declare them, of calls in its capabilities, of a tool in ``execution.taskSupport`` (basic/utilities/tasks,
"Capability Negotiation").
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mcp_crashtest.contracts.contract import (
    COMPLETED,
    ENDS,
    INVALID_PARAMS,
    Refused,
    Seen,
    Terms,
    Vanished,
    document_in,
    unknown,
)
from mcp_crashtest.contracts.job import Job
from mcp_crashtest.contracts.tasks_extension import progress_of
from mcp_crashtest.contracts.tasks_extension import refusal as refusal
from mcp_crashtest.contracts.words import CANCELLED
from mcp_crashtest.model.observe_spec import ObserveSpec
from mcp_crashtest.model.paths import find
from mcp_crashtest.model.text import excerpt
from mcp_crashtest.wire.errors import RpcError
from mcp_crashtest.wire.session import Session, tool_reply

HANDLE = "task"
EXTENSIONS: tuple[str, ...] = ()
_TTL_MS = 3_600_000  # longer than any run: a task that is gone earlier is gone too early, unless its server says so
_MOST_PAGES = 1000
_SUPPORTED = ("optional", "required")


def undeclared(capabilities: Mapping[str, Any], tool: Mapping[str, Any] | None) -> str | None:
    """Why a call of this tool may not be made a task: what the server, or the tool, does not declare."""
    if find(capabilities, "$.tasks.requests.tools.call") is None:
        return "its capabilities have no tasks.requests.tools.call"
    support = find(tool, "$.execution.taskSupport") if tool is not None else None
    if tool is not None and support not in _SUPPORTED:
        return f"the tool's execution.taskSupport is {excerpt(support or 'forbidden')!r}, not optional or required"
    return None


def unoffered(capabilities: Mapping[str, Any]) -> frozenset[str]:
    """Of cancel and list what the server does not declare."""
    return frozenset(name for name in ("cancel", "list") if find(capabilities, f"$.tasks.{name}") is None)


TERMS = Terms(
    revisions=("2025-11-25",), augments={"task": {"ttl": _TTL_MS}}, undeclared=undeclared, unoffered=unoffered
)


def handle_in(result: Mapping[str, Any], _observe: ObserveSpec) -> str | None:
    """The id of the task that was created."""
    found = find(result, "$.task.taskId")
    return found if isinstance(found, str) and found else None


async def look(session: Session, job: Job, handle: str, deadline_s: float) -> Seen:
    """Get the task, and the result of one that has ended."""
    try:
        task = await session.ask_task("get", handle, deadline_s=deadline_s)
    except RpcError as error:
        if error.code == INVALID_PARAMS:
            raise unknown(str(error)) from error
        raise
    status = task.get("status")
    if not isinstance(status, str):
        raise Vanished(f"a task without a status: {excerpt(task)}", task)
    document, failure = (None, None)
    if status in ENDS:
        document, failure = await _ended(session, task, handle, deadline_s)
    return Seen(status, progress_of(task, job.observe, job.records), document, failure, status, task)


async def _ended(session: Session, task: Mapping[str, Any], handle: str, deadline_s: float) -> tuple[Any, Any]:
    """The document of a task that has ended, and why it has failed; None where it has not."""
    said = task.get("statusMessage") or "nothing said why"
    if task["status"] == CANCELLED:
        return None, said
    try:
        reply = tool_reply(await session.ask_task("result", handle, deadline_s=deadline_s))
    except RpcError as error:
        return None, f"tasks/result: {error}"
    if task["status"] != COMPLETED or reply.is_error:
        return None, reply.text or said
    document = document_in(reply)
    return {"task_id": handle, **document} if isinstance(document, dict) else document, None


async def cancel(session: Session, handle: str, deadline_s: float) -> Mapping[str, Any]:
    """Cancel the task: it is cancelled before that is acknowledged ("Task Cancellation" 2)."""
    task = await session.ask_task("cancel", handle, deadline_s=deadline_s)
    if task.get("status") != CANCELLED:
        raise Refused(f"tasks/cancel is answered with a task that is not cancelled: {excerpt(task)}")
    return task


async def listed(session: Session, deadline_s: float) -> tuple[list[list[str | None]], bool]:
    """All tasks with their statuses, page by page; whether that was all of them. Raises Refused."""
    tasks: list[list[str | None]] = []
    asked: Mapping[str, Any] = {}
    for _ in range(_MOST_PAGES):
        try:
            page = await session.call("tasks/list", asked, deadline_s=deadline_s)
        except RpcError as error:
            raise Refused(str(error)) from error
        found = page.get("tasks")
        if not isinstance(found, list):
            raise Refused(f"tasks/list has no list of tasks: {excerpt(page)}")
        for task in found:
            handle, status = find(task, "$.taskId"), find(task, "$.status")
            tasks.append([str(handle), status if isinstance(status, str) else None])
        if not isinstance(cursor := page.get("nextCursor"), str):
            return tasks, True
        asked = {"cursor": cursor}
    return tasks, False
