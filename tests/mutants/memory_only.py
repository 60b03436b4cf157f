"""Tasks live in a dictionary: after a restart the handle that a client holds resolves to nothing.

The commonest background job of all, and the second seed system without its database.

Must be caught by: task.vanished.
"""

import json
import sys
from pathlib import Path
from typing import Any
from uuid import uuid4

from fastmcp import FastMCP

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.mutants.common import Background, Effects, let_answer_leave, options, pace, process, reach, serve

where = options()
effects = Effects(where.effects_file)
background = Background()
tasks: dict[str, dict[str, Any]] = {}
mcp: FastMCP[Any] = FastMCP("memory only")


async def work(task: dict[str, Any]) -> None:
    await let_answer_leave()
    for first in range(0, task["total"], task["batch"]):
        number, end = first // task["batch"] + 1, min(first + task["batch"], task["total"])
        records = process(first, end)
        effects.append(task["task_id"], records)
        reach("before-write", number)
        task["records"] += records
        reach("written-uncommitted", number)
        task["progress"] = end
        reach("committed-unacknowledged", number)
        await pace()
        reach("acknowledged", number)
    task["status"] = "completed"


@mcp.tool
async def start_processing(total: int, batch: int) -> str:
    """Start processing."""
    task_id = uuid4().hex
    tasks[task_id] = {"task_id": task_id, "status": "running", "progress": 0, "total": total, "batch": batch}
    tasks[task_id]["records"] = []
    background.start(work(tasks[task_id]))
    return f"task://status/{task_id}"


@mcp.resource("task://status/{task_id}", mime_type="application/json")
async def status(task_id: str) -> str:
    """The task, and its records so far."""
    return json.dumps(tasks.get(task_id, {"error": "Task not found", "task_id": task_id}))


if __name__ == "__main__":
    serve(mcp, where)
