"""Unfinished tasks are resumed at start, but from record 0: a recovery that remembers a task and forgets its place.

Taken from the second seed system, whose progress keeps no data behind it. The output is keyed by record, so a second
write replaces the first and the result is exact to the last byte; only the work that is done again gives it away.

Must be caught by: effects.rework (and progress.regressed).
"""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fastmcp import FastMCP

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.mutants.common import Background, TaskStore, let_answer_leave, offer_status, options, serve

where = options()
store = TaskStore(where)
background = Background()


async def work(task: dict[str, Any]) -> None:
    await let_answer_leave()
    for first in range(0, task["total"], task["batch"]):
        await store.do_batch(task, first)


@asynccontextmanager
async def lifespan(_server: FastMCP[Any]) -> AsyncIterator[None]:
    for task in store.unfinished():
        background.start(work(task))
    yield


mcp: FastMCP[Any] = FastMCP("restart from zero", lifespan=lifespan)
offer_status(mcp, store)


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
