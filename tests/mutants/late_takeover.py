"""A start waits until the lease of its last life has run out before it goes on: longer than it claims.

Must be caught by: recovery.deadline.
"""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fastmcp import FastMCP

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.mutants.common import Background, TaskStore, let_answer_leave, options, serve

where = options()
store = TaskStore(where)
background = Background()
LEASE_S = 2.0


async def take_over(task: dict[str, Any]) -> None:
    """Once nobody else can be at work on it."""
    await asyncio.sleep(LEASE_S)
    await work(task)


async def work(task: dict[str, Any]) -> None:
    await let_answer_leave()
    for first in range(task["progress"], task["total"], task["batch"]):
        await store.do_batch(task, first)


@asynccontextmanager
async def resume(_: FastMCP[Any]) -> AsyncIterator[None]:
    for task in store.unfinished():
        background.start(take_over(task))
    yield


mcp: FastMCP[Any] = FastMCP("late_takeover", lifespan=resume)


@mcp.resource("task://status/{task_id}", mime_type="application/json")
async def status(task_id: str) -> str:
    task = store.task(task_id)
    if task is None:
        return json.dumps({"error": "Task not found", "task_id": task_id})
    return json.dumps({**task, "lease_s": LEASE_S})


@mcp.resource("task://records/{task_id}", mime_type="application/json")
async def records(task_id: str) -> str:
    return json.dumps(store.records(task_id))


@mcp.tool
async def start_processing(total: int, batch: int, client_id: str) -> str:
    """Start processing, once for each client."""
    task_id, new = store.submit(client_id, total, batch)
    task = store.task(task_id)
    if new and task:
        background.start(work(task))
    return f"task://status/{task_id}"


if __name__ == "__main__":
    serve(mcp, where)
