"""A server that was killed refuses to start again: its pid file is still there.

The classic guard against two servers on one store. An orderly stop removes the file, SIGKILL does not, and nobody
asks whether the process that it names is alive.

Must be caught by: recovery.loop.
"""

import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fastmcp import FastMCP

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.mutants.common import Background, TaskStore, let_answer_leave, offer_status, options, serve

where = options()
pid_file = where.state_dir / "server.pid"
try:
    with pid_file.open("x") as created:
        created.write(str(os.getpid()))
except FileExistsError:
    sys.exit(f"{pid_file} exists: another server is running on this store")
store = TaskStore(where)
background = Background()


async def work(task: dict[str, Any]) -> None:
    await let_answer_leave()
    for first in range(task["progress"], task["total"], task["batch"]):
        await store.do_batch(task, first)


@asynccontextmanager
async def lifespan(_server: FastMCP[Any]) -> AsyncIterator[None]:
    for task in store.unfinished():
        background.start(work(task))
    yield


mcp: FastMCP[Any] = FastMCP("will not restart", lifespan=lifespan)
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
    try:
        serve(mcp, where)
    finally:
        pid_file.unlink()
