"""The Tasks extension ``io.modelcontextprotocol/tasks`` (revision 2026-07-28), on the store and engine of all tasks.

A client that declares it with a request may get a task for its call of a long tool: an id, for tasks/get, tasks/update
and tasks/cancel. Nothing is remembered here: what a request is shown is the task's row, so a restart changes nothing,
and a task that was started in another way is shown as well. Sections named here are those of the extension's tasks.md.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import mcp_types as mt
from fastmcp import Context
from fastmcp.exceptions import ToolError
from fastmcp.server.dependencies import get_context, get_http_request
from fastmcp.server.extensions import (
    MethodBinding,
    ServerExtension,
    ToolCallContinuation,
    ToolCallOutcome,
    read_client_extension_settings,
)
from mcp.server.context import ServerRequestContext
from mcp.shared.exceptions import MCPError
from mcp.shared.inbound import decode_header_value
from mcp_types.jsonrpc import HEADER_MISMATCH, MISSING_REQUIRED_CLIENT_CAPABILITY
from mcp_types.version import MODERN_PROTOCOL_VERSIONS
from pydantic import Field, RootModel, ValidationError, validate_call
from pydantic_core import to_json

from reference_server.engine import Engine
from reference_server.errors import INTERNAL_ERROR, Refusal
from reference_server.kinds.processing import KIND as PROCESSING
from reference_server.lifecycle import Status
from reference_server.requests import not_found, own_task, refusing
from reference_server.task import Submission, Task
from reference_server.tools import durable, processing

IDENTIFIER = "io.modelcontextprotocol/tasks"
POLL_INTERVAL_MS = 250
LONGEST_ANSWER_CHARACTERS = 10_000

_ERA = frozenset(MODERN_PROTOCOL_VERSIONS)

# A job that fails has failed as a tool does, and a tool's error is a result: completed, with isError ("Task Execution
# Errors"). The status "failed" is for JSON-RPC errors alone ("Task Status"): for what this server itself has failed.
STATUS = {
    Status.PENDING: "working",
    Status.RUNNING: "working",
    Status.PAUSED: "working",
    Status.INPUT_REQUIRED: "input_required",
    Status.COMPLETED: "completed",
    Status.FAILED: "completed",
    Status.CANCELLED: "cancelled",
}

RequestContext = ServerRequestContext[Any, Any]


class Wire(RootModel[dict[str, Any]]):
    """An object for the wire as it is. A model's fields would be left out where they are null, and ttlMs may be."""


class TaskParams(mt.RequestParams):
    """Names a task."""

    task_id: str = Field(alias="taskId")


class UpdateParams(TaskParams):
    """Names a task, and answers what it has asked for."""

    input_responses: dict[str, Any] = Field(alias="inputResponses")


class Tasks(ServerExtension):
    """The extension for one engine."""

    identifier = IDENTIFIER

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def methods(self) -> Sequence[MethodBinding]:
        """The extension's requests. The handshake era does not know them ("Backward Compatibility" in SEP-2663)."""
        return (
            MethodBinding("tasks/get", TaskParams, self._get, protocol_versions=_ERA),
            MethodBinding("tasks/update", UpdateParams, self._update, protocol_versions=_ERA),
            MethodBinding("tasks/cancel", TaskParams, self._cancel, protocol_versions=_ERA),
        )

    async def intercept_tool_call(
        self, params: mt.CallToolRequestParams, context: Context, call_next: ToolCallContinuation
    ) -> ToolCallOutcome:
        """Answer a call with a task that is on the disk, if the tool is a long one and this very request allows it."""
        submission = SUBMISSIONS.get(params.name)
        if submission is None or not _declared(context):
            return await call_next()
        with refusing(), _refusing_arguments():
            task = await self._engine.submit(await submission(self._engine, **(params.arguments or {})))
        return Wire({"resultType": "task", **summary(self._engine, task)})

    async def _get(self, ctx: RequestContext, params: TaskParams) -> Wire:
        return Wire({"resultType": "complete", **await detailed(self._engine, await self._own(ctx, params))})

    async def _update(self, ctx: RequestContext, params: UpdateParams) -> Wire:
        task = await self._own(ctx, params)
        # What is not asked, or not any more, is ignored ("Task Update Response"): the acknowledgement may have been
        # lost, and the client asks again.
        answers = {key: _answer(key, given) for key, given in params.input_responses.items() if key in task.prompts}
        if answers:
            with _failing():
                await self._engine.answer(task, answers)
        return Wire({"resultType": "complete"})

    async def _cancel(self, ctx: RequestContext, params: TaskParams) -> Wire:
        task = await self._own(ctx, params)
        with _failing():
            await self._engine.cancel(task.task_id)
        return Wire({"resultType": "complete"})

    async def _own(self, ctx: RequestContext, params: TaskParams) -> Task:
        """The caller's task; raises MCPError."""
        require_declared(ctx)
        _check_header(params.task_id)
        try:
            return await own_task(self._engine, params.task_id)
        except Refusal as error:
            raise not_found(str(error)) from None


# --- what a request must bring


def require_declared(ctx: RequestContext) -> None:
    """Refuse a request that does not declare the extension itself ("Protocol Errors"), whatever others declared."""
    if read_client_extension_settings(ctx, IDENTIFIER) is None:
        raise MCPError(
            code=MISSING_REQUIRED_CLIENT_CAPABILITY,
            message=f"this request must declare {IDENTIFIER} in the client's capabilities",
            data={"requiredCapabilities": {"extensions": {IDENTIFIER: {}}}},
        )


def _declared(context: Context) -> bool:
    request = context.request_context
    return (
        request is not None
        and request.protocol_version in _ERA
        and context.client_extension_settings(IDENTIFIER) is not None
    )


def _check_header(task_id: str) -> None:
    """Refuse a routing header that names another task. A missing one is let pass: FastMCP's own client sends none."""
    try:
        header = get_http_request().headers.get("mcp-name")
    except RuntimeError:  # no HTTP, no headers
        return
    if header is not None and decode_header_value(header) != task_id:
        raise MCPError(code=HEADER_MISMATCH, message="the header Mcp-Name does not name the task of params.taskId")


def _answer(key: str, given: Any) -> dict[str, Any]:
    """An answer as a job takes it; raises MCPError for what is none, and the question stays open."""
    try:
        answer = mt.ElicitResult.model_validate(given)
    except ValidationError as error:
        raise _invalid(f"inputResponses[{key!r}] is no answer to an elicitation: {_complaints(error)}") from None
    kept = {"action": answer.action, "content": answer.content or {}}
    if len(json.dumps(kept)) > LONGEST_ANSWER_CHARACTERS:
        raise _invalid(f"inputResponses[{key!r}] has more than {LONGEST_ANSWER_CHARACTERS} characters")
    return kept


def _invalid(message: str) -> MCPError:
    return MCPError(code=mt.INVALID_PARAMS, message=message)


@contextmanager
def _failing() -> Iterator[None]:
    """A store that cannot write is an internal error: -32602 would say that the task is gone ("Protocol Errors")."""
    try:
        yield
    except Refusal as error:
        raise MCPError(code=mt.INTERNAL_ERROR, message=str(error)) from None


# --- from a call to a submission


async def _processing(
    engine: Engine,
    /,
    dataset_name: str = "unicode",
    total_records: int = 100,
    batch_size: int = 10,
    client_id: str | None = None,
) -> Submission:
    known = client_id or get_context().session_id
    return await processing.submission(engine, dataset_name, total_records, batch_size, known)


# Arguments are those of the signature, or a ValidationError. Made ready at import, which each restart is spared.
checked = validate_call(config={"arbitrary_types_allowed": True})

SUBMISSIONS: dict[str, Callable[..., Awaitable[Submission]]] = {
    **{name: checked(wanted) for name, wanted in durable.SUBMISSIONS.items()},
    "resumable_data_processing": checked(_processing),
}


@contextmanager
def _refusing_arguments() -> Iterator[None]:
    """Arguments that are not the tool's are the tool's error, as they are without the extension."""
    try:
        yield
    except ValidationError as error:
        raise ToolError(f"invalid arguments: {_complaints(error)}") from None


def _complaints(error: ValidationError) -> str:
    return "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors(include_url=False))


# --- a task on the wire


def summary(engine: Engine, task: Task) -> dict[str, Any]:
    """A task without what has come of it ("Task")."""
    retention = engine.settings.retention
    found = {
        "taskId": task.task_id,
        "status": "failed" if _is_internal(task) else STATUS[task.status],
        "createdAt": task.created_at,
        "lastUpdatedAt": task.updated_at,
        "ttlMs": None if retention is None else round(retention.total_seconds() * 1000),
        "pollIntervalMs": POLL_INTERVAL_MS,
    }
    message = _message(task)
    return {**found, "statusMessage": message} if message else found


async def detailed(engine: Engine, task: Task) -> dict[str, Any]:
    """A task with its result, or with what it asks for ("Task Polling Response")."""
    found = summary(engine, task)
    match task.status:
        case Status.COMPLETED:
            structured = await processing.processed(engine, task) if task.kind == PROCESSING else task.result
            text = to_json(structured).decode()  # to the letter what FastMCP makes of it for a call without a task
            return {**found, "result": _result(text, structuredContent=structured)}
        case Status.FAILED if _is_internal(task):
            return {**found, "error": {"code": mt.INTERNAL_ERROR, "message": task.error}}
        case Status.FAILED:
            text = f"the task {task.task_id} is {task.status}: {task.error}"
            return {**found, "result": _result(text, isError=True)}
        case Status.INPUT_REQUIRED:
            return {**found, "inputRequests": task.prompts}
    return found


def _is_internal(task: Task) -> bool:
    return task.status is Status.FAILED and (task.error or "").startswith(INTERNAL_ERROR)


def _message(task: Task) -> str:
    match task.status:
        case Status.PAUSED:
            return f"Paused at {task.progress}/{task.total}: resume_task lets it go on"
        case Status.FAILED:
            return task.error or task.message
    return task.message


def _result(text: str, *, isError: bool = False, **more: Any) -> dict[str, Any]:
    """A CallToolResult."""
    return {"content": [{"type": "text", "text": text}], "isError": isError, **more}
