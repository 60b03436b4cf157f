"""What every request needs: the engine, who asks, and refusals in the words of the protocol."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import mcp_types as mt
from fastmcp import Context
from fastmcp.exceptions import ToolError
from fastmcp.server.dependencies import get_access_token
from fastmcp.tools.base import ToolResult
from mcp.shared.exceptions import MCPError

from reference_server import limits
from reference_server.engine import Engine
from reference_server.errors import Refusal
from reference_server.task import Lasting, Submission, Task

ENGINE = "engine"
JSON = "application/json"


def engine_of(ctx: Context) -> Engine:
    """The engine of the server that this request has come to."""
    engine: Engine = ctx.lifespan_context[ENGINE]
    return engine


def principal() -> str | None:
    """Who asks, as the bearer token says; None on a server without users.

    Raises RuntimeError outside of a request's own context, such as in the store's thread: there, nobody asks.
    """
    if threading.current_thread() is not threading.main_thread():
        raise RuntimeError("who asks is known in the event loop alone")
    token = get_access_token()
    if token is None:
        return None
    return str(token.subject or token.client_id)


async def own_task(engine: Engine, task_id: str) -> Task:
    """The caller's task; raises Refusal for an unknown one, and in the same words for somebody else's."""
    owner, known = principal(), task_id[: limits.LONGEST_ID].encode(errors="replace").decode()
    return await engine.read(lambda store: store.get(known, owner))


@contextmanager
def refusing() -> Iterator[None]:
    """Within a tool: a refusal is the tool's error, word for word."""
    try:
        yield
    except Refusal as error:
        raise ToolError(str(error)) from None


def not_found(message: str) -> MCPError:
    """Within a resource: there is no such thing."""
    return MCPError(code=mt.INVALID_PARAMS, message=message)


def submission(
    kind: str,
    parameters: dict[str, Any],
    *,
    total: int,
    batch_size: int,
    idempotency_key: str | None = None,
    target: str | None = None,
) -> Submission:
    """What a start tool submits.

    The same request of the same owner is the same task while it is unfinished: the answer to the first may have been
    lost. With an ``idempotency_key`` it is so for ever, and without one a finished task is not in the way of a new one.
    """
    owner = principal() or ""
    if idempotency_key is None:
        key, lasting = digest(kind, owner, parameters, batch_size), Lasting.WHILE_UNFINISHED
    else:
        key, lasting = digest(owner, limits.identifier("idempotency_key", idempotency_key)), Lasting.FOR_EVER
    return Submission(
        kind, key, parameters, total=total, batch_size=batch_size, owner=owner, target=target, lasting=lasting
    )


def digest(*parts: Any) -> str:
    """The same for the same parts."""
    text = json.dumps(parts, sort_keys=True)
    return hashlib.sha256(text.encode("utf-8", errors="surrogatepass")).hexdigest()


def started(task: Task, what: str) -> ToolResult:
    """A start tool's answer: the resource at which the task can be followed."""
    uri = f"task://status/{task.task_id}"
    return ToolResult(
        content=[
            mt.TextContent(type="text", text=f"{what} started: follow it at {uri}"),
            mt.ResourceLink(type="resource_link", name=f"task {task.task_id}", uri=uri, mime_type=JSON),
        ],
        structured_content={"task_id": task.task_id, "status": task.status.value, "resource_uri": uri},
    )


def shown(task: Task) -> dict[str, Any]:
    """A task as its owner sees it."""
    return {
        "task_id": task.task_id,
        "kind": task.kind,
        "status": task.status.value,
        "progress": task.progress,
        "total": task.total,
        "progress_percent": percent(task),
        "batch_size": task.batch_size,
        "message": task.message,
        "result_data": task.result,
        "error": task.error,
        "input_requests": task.prompts or None,
        "created_at": task.created_at,
        "updated_at": task.updated_at,
        "completed_at": task.completed_at,
    }


def percent(task: Task) -> float:
    """How far it is."""
    return round(100 * task.progress / task.total, 1)
