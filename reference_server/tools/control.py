"""Tools for any task: cancel, pause, let go on, answer; and how the server is doing."""

from __future__ import annotations

import time
from typing import Any, NoReturn

from fastmcp import Context
from fastmcp.exceptions import ToolError
from fastmcp.server.providers.local_provider import LocalProvider

from reference_server.engine import Engine
from reference_server.lifecycle import Status
from reference_server.requests import engine_of, own_task, principal, refusing
from reference_server.task import Task

provider = LocalProvider()


async def _refuse(engine: Engine, task: Task, why: str) -> NoReturn:
    """Say why not, and how the task stands now."""
    now = await own_task(engine, task.task_id)
    raise ToolError(f"the task {task.task_id} {why}: it is {now.status}")


@provider.tool
async def cancel_task(ctx: Context, task_id: str) -> str:
    """Cancel a task for good. What it has committed is kept; it never goes on."""
    engine = engine_of(ctx)
    with refusing():
        task = await own_task(engine, task_id)
        if not await engine.cancel(task.task_id):
            await _refuse(engine, task, "cannot be cancelled")
    return f"Task {task.task_id} is cancelled: see task://status/{task.task_id}"


@provider.tool
async def pause_task(ctx: Context, task_id: str) -> dict[str, Any]:
    """Let a task stand still once the batch under way is done, over restarts too, until resume_task."""
    engine = engine_of(ctx)
    with refusing():
        task = await own_task(engine, task_id)
        if not await engine.pause(task.task_id):
            await _refuse(engine, task, "is not running")
    return {"task_id": task.task_id, "status": Status.PAUSED.value, "message": f"Task {task.task_id} is paused"}


@provider.tool
async def resume_task(ctx: Context, task_id: str) -> dict[str, Any]:
    """Let a paused task go on from its last batch."""
    engine = engine_of(ctx)
    with refusing():
        task = await own_task(engine, task_id)
        if not await engine.resume(task):
            await _refuse(engine, task, "is not paused")
    return {"task_id": task.task_id, "status": Status.RUNNING.value, "message": f"Task {task.task_id} goes on"}


@provider.tool
async def forget_task(ctx: Context, task_id: str) -> str:
    """Forget a finished task, with its records, for good; a file that it has written stays."""
    engine = engine_of(ctx)
    with refusing():
        task = await own_task(engine, task_id)
        if not await engine.forget(task):
            await _refuse(engine, task, "is not finished")
    return f"Task {task.task_id} is forgotten"


@provider.tool
async def answer_task(ctx: Context, task_id: str, key: str, accept: bool, content: dict[str, Any] | None = None) -> str:
    """Answer a question that a task waits for: see input_requests in its status. Without accept it is declined."""
    engine = engine_of(ctx)
    answer = {"action": "accept" if accept else "decline", "content": content or {}}
    with refusing():
        task = await own_task(engine, task_id)
        if not await engine.answer(task, {key: answer}):
            raise ToolError(f"the task {task.task_id} does not wait for an answer to {key[:40]!r}")
    return f"Task {task.task_id} has its answer: see task://status/{task.task_id}"


@provider.tool
async def get_server_stats(ctx: Context) -> dict[str, Any]:
    """How many of the caller's tasks there are of each status, and how many the server has under way."""
    engine = engine_of(ctx)
    owner = principal()
    counts = await engine.read(lambda store: store.counts(owner))
    return {
        "total_tasks": sum(counts.values()),
        **{f"{status}_tasks": count for status, count in counts.items()},
        "active_background_tasks": engine.active() if owner is None else counts[Status.RUNNING],
        "server_time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }
