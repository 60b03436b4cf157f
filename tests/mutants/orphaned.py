"""After a restart the task says "running" for ever: its row survived, the work did not.

The second seed system: tasks are rows in SQLite, the work is an asyncio task in memory, and nothing looks at the rows
when the server starts.

Must be caught by: task.orphaned.
"""

import sys
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
    for first in range(task["progress"], task["total"], task["batch"]):
        await store.do_batch(task, first)


mcp: FastMCP[Any] = FastMCP("orphaned")
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
