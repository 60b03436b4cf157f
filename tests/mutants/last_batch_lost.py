"""A resumed task stops one batch early and says that it is complete.

The undisturbed path walks over the records; the resumed path counts the batches that are left, and rounds down where
it had to round up. An off-by-one that no test without a restart can see.

Must be caught by: records.lost (and task.false-success, records.count).
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


async def resume(task: dict[str, Any]) -> None:
    batches_left = (task["total"] - task["progress"] - 1) // task["batch"]
    for n in range(batches_left):
        await store.do_batch(task, task["progress"] + n * task["batch"])
    store.end(task["task_id"], "completed")


@asynccontextmanager
async def lifespan(_server: FastMCP[Any]) -> AsyncIterator[None]:
    for task in store.unfinished():
        background.start(resume(task))
    yield


mcp: FastMCP[Any] = FastMCP("last batch lost", lifespan=lifespan)
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
