"""A task says that it was created when the server was started: the time is kept in memory only.

Must be caught by: task.identity.
"""

import json
import sys
import time
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
STARTED = time.time()


async def work(task: dict[str, Any]) -> None:
    await let_answer_leave()
    for first in range(task["progress"], task["total"], task["batch"]):
        await store.do_batch(task, first)


@asynccontextmanager
async def resume(_: FastMCP[Any]) -> AsyncIterator[None]:
    for task in store.unfinished():
        background.start(work(task))
    yield


mcp: FastMCP[Any] = FastMCP("created_anew", lifespan=resume)


@mcp.resource("task://status/{task_id}", mime_type="application/json")
async def status(task_id: str) -> str:
    task = store.task(task_id)
    if task is None:
        return json.dumps({"error": "Task not found", "task_id": task_id})
    return json.dumps({**task, "created_at": STARTED})


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
