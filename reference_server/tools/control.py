"""Tools for any task: cancel it, and see how the server is doing."""

from __future__ import annotations

import time
from typing import Any

from fastmcp import Context
from fastmcp.exceptions import ToolError
from fastmcp.server.providers.local_provider import LocalProvider

from reference_server import limits
from reference_server.asking import engine_of, refusing

provider = LocalProvider()


@provider.tool
async def cancel_task(ctx: Context, task_id: str) -> str:
    """Cancel a task for good. What it has committed is kept; it never goes on."""
    engine, known = engine_of(ctx), task_id[: limits.LONGEST_ID]
    with refusing():
        cancelled = await engine.cancel(known)
        task = await engine.read(lambda store: store.get(known))
    if not cancelled:
        raise ToolError(f"the task {known} cannot be cancelled: it is {task.status}")
    return f"Task {known} is cancelled: see task://status/{known}"


@provider.tool
async def get_server_stats(ctx: Context) -> dict[str, Any]:
    """How many tasks there are of each status, and how many are being executed."""
    engine = engine_of(ctx)
    counts = await engine.read(lambda store: store.counts())
    statistics = {f"{status}_tasks": count for status, count in counts.items()}
    return {
        "total_tasks": sum(counts.values()),
        **statistics,
        "active_background_tasks": engine.active(),
        "server_time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }
