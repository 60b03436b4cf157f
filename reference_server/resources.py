"""The resources: one task, the lists of tasks, and the records that a task has committed. All are JSON."""

from __future__ import annotations

import json

from fastmcp import Context
from fastmcp.server.providers.local_provider import LocalProvider

from reference_server import limits
from reference_server.engine import Engine
from reference_server.errors import Damaged, Refusal
from reference_server.lifecycle import STATUSES
from reference_server.requests import JSON, engine_of, not_found, own_task, principal, shown
from reference_server.task import Task

provider = LocalProvider()
_ALL = "all"


@provider.resource("task://status/{task_id}", mime_type=JSON)
async def task_status(task_id: str, ctx: Context) -> str:
    """One task: status, progress, result or error."""
    return json.dumps(shown(await _task(engine_of(ctx), task_id)))


@provider.resource("task://list", mime_type=JSON)
async def task_list(ctx: Context) -> str:
    """The newest tasks; ``next`` is the URI of the page behind them, or null."""
    return await _listing(engine_of(ctx), _ALL, None)


@provider.resource("task://list/{status}", mime_type=JSON)
async def task_list_of_status(status: str, ctx: Context) -> str:
    """The newest tasks of one status."""
    return await _listing(engine_of(ctx), status, None)


@provider.resource("task://list/{status}/{after}", mime_type=JSON)
async def task_list_page(status: str, after: str, ctx: Context) -> str:
    """The tasks of one status, or of ``all``, behind the one that is named."""
    engine = engine_of(ctx)
    task = await _task(engine, after)
    return await _listing(engine, status, task)


@provider.resource("task://records/{task_id}/{page}", mime_type=JSON)
async def task_records(task_id: str, page: str, ctx: Context) -> str:
    """The committed records of a task, a page at a time; ``next`` is the URI of the page behind it, or null."""
    engine = engine_of(ctx)
    task = await _task(engine, task_id)
    if not page.isdecimal() or not 1 <= len(page) <= 9 or int(page) < 1:
        raise not_found("a page is a whole number from 1 on")
    first = (int(page) - 1) * limits.PAGE_RECORDS
    try:
        bodies = await engine.read(lambda store: store.bodies(task.task_id, first, limits.PAGE_RECORDS + 1))
    except Damaged as error:
        raise not_found(str(error)) from None
    more = len(bodies) > limits.PAGE_RECORDS
    following = f"task://records/{task.task_id}/{int(page) + 1}" if more else None
    records = [json.loads(body) for body in bodies[: limits.PAGE_RECORDS]]
    return json.dumps({"task_id": task.task_id, "page": int(page), "records": records, "next": following})


async def _listing(engine: Engine, asked: str, after: Task | None) -> str:
    status = asked.lower()
    if status not in (_ALL, *STATUSES):
        raise not_found(f"there is no status {asked[:40]!r}; there are {', '.join(STATUSES)}")
    owner, of_status = principal(), None if status == _ALL else status
    behind = (after.created_at, after.task_id) if after else None
    tasks = await engine.read(lambda store: store.listed(owner, of_status, limits.LISTED_TASKS + 1, behind))
    counts = await engine.read(lambda store: store.counts(owner))
    page, more = tasks[: limits.LISTED_TASKS], len(tasks) > limits.LISTED_TASKS
    rows = [
        {**shown(task), "has_result": task.result is not None, "has_error": task.error is not None} for task in page
    ]
    return json.dumps(
        {
            "tasks": rows,
            "shown": len(rows),
            "total": counts[status] if of_status else sum(counts.values()),
            "status_filter": of_status,
            "next": f"task://list/{status}/{page[-1].task_id}" if more else None,
        }
    )


async def _task(engine: Engine, task_id: str) -> Task:
    try:
        return await own_task(engine, task_id)
    except Refusal as error:
        raise not_found(str(error)) from None
