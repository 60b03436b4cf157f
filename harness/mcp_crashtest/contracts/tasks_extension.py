"""``io.modelcontextprotocol/tasks``, revision 2026-07-28: a call is answered with a task, asked about by tasks/get."""

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
from mcp_crashtest.contracts.observing import progress_in
from mcp_crashtest.model.observe_spec import ObserveSpec
from mcp_crashtest.model.paths import find
from mcp_crashtest.model.text import excerpt
from mcp_crashtest.wire.errors import RpcError
from mcp_crashtest.wire.messages import SUPPORTED, TASKS, is_stateless
from mcp_crashtest.wire.session import Session, tool_reply

HANDLE = "task"
EXTENSIONS: tuple[str, ...] = (TASKS,)
TERMS = Terms(revisions=tuple(protocol for protocol in SUPPORTED if is_stateless(protocol)))
_SCHEMA = "$.params.requestedSchema"
_MESSAGE = ObserveSpec(progress="$.statusMessage")


def refusal(result: Mapping[str, Any]) -> str | None:
    """An error of the tool's, instead of a task."""
    reply = tool_reply(result)
    return reply.text if reply.is_error else None


def handle_in(result: Mapping[str, Any], _observe: ObserveSpec) -> str | None:
    """The task's id."""
    found = result.get("taskId") if result.get("resultType") == "task" else None
    return found if isinstance(found, str) and found else None


async def look(session: Session, job: Job, handle: str, deadline_s: float) -> Seen:
    """Get the task; what a completed one holds is what the tool would have answered."""
    try:
        task = await session.ask_task("get", handle, deadline_s=deadline_s)
    except RpcError as error:
        if error.code == INVALID_PARAMS:
            raise unknown(str(error)) from error
        raise
    status = task.get("status")
    if not isinstance(status, str):
        raise Vanished(f"a task without a status: {excerpt(task)}", task)
    document, failure = _ended(task, handle) if status in ENDS else (None, None)
    return Seen(status, progress_of(task, job.observe, job.records), document, failure, status, task)


async def cancel(session: Session, handle: str, deadline_s: float) -> Mapping[str, Any]:
    """Ask for the task to be cancelled: an acknowledgement promises no more than that it was heard."""
    return await session.ask_task("cancel", handle, deadline_s=deadline_s)


async def answer(session: Session, handle: str, deadline_s: float) -> Mapping[str, Any]:
    """Accept what a task asks for, with what its schemas take (tasks/update). Raises Refused where it asks nothing."""
    task = await session.ask_task("get", handle, deadline_s=deadline_s)
    asked = task.get("inputRequests")
    if not isinstance(asked, Mapping) or not asked:
        raise Refused(f"the task asks for nothing: {excerpt(task)}")
    answers = {
        str(key): {"action": "accept", "content": _content(find(request, _SCHEMA))} for key, request in asked.items()
    }
    return await session.ask_task("update", handle, deadline_s=deadline_s, inputResponses=answers)


def _content(schema: Any) -> dict[str, Any]:
    """Something that fits a form: its defaults, first choices, least numbers, and yes."""
    fields = schema.get("properties") if isinstance(schema, Mapping) else None
    return {str(name): _something(field) for name, field in fields.items()} if isinstance(fields, Mapping) else {}


def _something(field: Any) -> Any:
    said = field if isinstance(field, Mapping) else {}
    if "default" in said:
        return said["default"]
    if isinstance(said.get("enum"), list) and said["enum"]:
        return said["enum"][0]
    if said.get("type") in ("integer", "number"):
        return said.get("minimum", 1)
    return True if said.get("type") == "boolean" else "yes"


def progress_of(task: Mapping[str, Any], observe: ObserveSpec, records: int) -> tuple[float, float] | None:
    """How far the task is: where the profile says, else what ``statusMessage`` says in words such as "20/50"."""
    told = progress_in(task, observe, records)
    return progress_in(task, _MESSAGE, records) if told is None else told


def _ended(task: Mapping[str, Any], handle: str) -> tuple[Any, Any]:
    """The document of a task that has ended, and why it has failed; None where it has not."""
    result = task.get("result")
    reply = tool_reply(result if isinstance(result, dict) else {})
    if task["status"] != COMPLETED or reply.is_error or not isinstance(result, dict):
        return None, reply.text or find(task, "$.error.message") or task.get("statusMessage") or "nothing said why"
    document = document_in(reply)
    return {"task_id": handle, **document} if isinstance(document, dict) else document, None
