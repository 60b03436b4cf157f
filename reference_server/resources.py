"""The resources: one task, the lists of tasks, and the records that a task has committed. All are JSON."""

from __future__ import annotations

import json
from typing import Any

from fastmcp import Context
from fastmcp.server.providers.local_provider import LocalProvider

from reference_server import limits
from reference_server.asking import engine_of, not_found
from reference_server.engine import Engine
from reference_server.store import STATUSES, Task

provider = LocalProvider()
_JSON = "application/json"


@provider.resource("task://status/{task_id}", mime_type=_JSON)
async def task_status(task_id: str, ctx: Context) -> str:
    """One task: status, progress, result or error."""
    return json.dumps(shown(await _task(engine_of(ctx), task_id)))


@provider.resource("task://list", mime_type=_JSON)
async def task_list(ctx: Context) -> str:
    """The newest tasks."""
    return await _listing(engine_of(ctx), None)


@provider.resource("task://list/{status}", mime_type=_JSON)
async def task_list_of_status(status: str, ctx: Context) -> str:
    """The newest tasks of one status."""
    if status not in STATUSES:
        raise not_found(f"there is no status {status[:40]!r}; there are {', '.join(STATUSES)}")
    return await _listing(engine_of(ctx), status)


@provider.resource("task://records/{task_id}/{page}", mime_type=_JSON)
async def task_records(task_id: str, page: str, ctx: Context) -> str:
    """The committed records of a task, a page at a time; ``next`` is the URI of the page behind it, or null."""
    engine = engine_of(ctx)
    task = await _task(engine, task_id)
    if not page.isdecimal() or not 1 <= len(page) <= 9 or int(page) < 1:
        raise not_found("a page is a whole number from 1 on")
    first = (int(page) - 1) * limits.PAGE_RECORDS
    bodies = await engine.read(lambda store: store.bodies(task.task_id, first, limits.PAGE_RECORDS + 1))
    more = len(bodies) > limits.PAGE_RECORDS
    following = f"task://records/{task.task_id}/{int(page) + 1}" if more else None
    records = [json.loads(body) for body in bodies[: limits.PAGE_RECORDS]]
    return json.dumps({"task_id": task.task_id, "page": int(page), "records": records, "next": following})


async def _listing(engine: Engine, status: str | None) -> str:
    tasks = await engine.read(lambda store: store.listed(status, limits.LISTED_TASKS))
    counts = await engine.read(lambda store: store.counts())
    rows = [
        {**shown(task), "has_result": task.result is not None, "has_error": task.error is not None} for task in tasks
    ]
    matching = counts[status] if status else sum(counts.values())
    return json.dumps({"tasks": rows, "shown": len(rows), "total": matching, "filter": status or "all"})


async def _task(engine: Engine, task_id: str) -> Task:
    task = await engine.read(lambda store: store.find(task_id[: limits.LONGEST_ID]))
    if task is None:
        raise not_found(f"there is no task {task_id[: limits.LONGEST_ID]!r}")
    return task


def shown(task: Task) -> dict[str, Any]:
    """A task as clients see it."""
    return {
        "task_id": task.task_id,
        "kind": task.kind,
        "status": task.status,
        "progress": task.progress,
        "total": task.total,
        "progress_percent": round(100 * task.progress / task.total, 1),
        "batch_size": task.batch_size,
        "message": task.message,
        "result_data": task.result,
        "error": task.error,
        "created_at": task.created_at,
        "updated_at": task.updated_at,
        "completed_at": task.completed_at,
    }
