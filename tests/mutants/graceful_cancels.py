"""An orderly stop marks every running task "cancelled", though nobody cancelled it.

The second seed system takes the end of the event loop for the user's wish. After SIGKILL this server resumes every
task exactly; it is the planned restart, the harmless one, that ends the job.

Must be caught by: records.lost (SIGTERM in the middle of the job; the job ends as cancelled).
"""

import asyncio
import signal
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
    try:
        await let_answer_leave()
        for first in range(task["progress"], task["total"], task["batch"]):
            await store.do_batch(task, first)
    except asyncio.CancelledError:
        store.end(task["task_id"], "cancelled")
        raise


@asynccontextmanager
async def lifespan(_server: FastMCP[Any]) -> AsyncIterator[None]:
    stop_serving = signal.getsignal(signal.SIGTERM)

    def stop() -> None:
        for running in background.tasks:
            running.cancel()
        if callable(stop_serving):
            stop_serving(signal.SIGTERM, None)

    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop)
    for task in store.unfinished():
        background.start(work(task))
    yield


mcp: FastMCP[Any] = FastMCP("graceful cancels", lifespan=lifespan)
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
