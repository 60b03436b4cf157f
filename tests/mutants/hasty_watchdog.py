"""A watchdog takes a pause for a death: when the server has stood still for a while, a second worker is started.

The first one was not dead, and goes on as well: what both of them do is in the output twice. Leases that run out by the
clock, without an epoch that a late worker could be told apart by, do the same.

Must be caught by: records.duplicated.
"""

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

from fastmcp import FastMCP

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.mutants.common import Background, Effects, let_answer_leave, options, process, serve

PACE_S, PATIENCE_S = 0.06, 0.2

where = options()
effects = Effects(where.effects_file)
background = Background()
tasks: dict[str, dict[str, Any]] = {}
mcp: FastMCP[Any] = FastMCP("hasty watchdog")


async def work(task: dict[str, Any]) -> None:
    for first in range(task["progress"], task["total"], task["batch"]):
        task["beat"] = time.monotonic()
        end = min(first + task["batch"], task["total"])
        await asyncio.sleep(PACE_S)
        records = process(first, end)
        effects.append(task["task_id"], records)
        task["records"] += records
        task["progress"] = max(task["progress"], end)
    task["status"] = "completed"


async def watch(task: dict[str, Any]) -> None:
    await let_answer_leave()
    background.start(work(task))
    while task["status"] == "running":
        await asyncio.sleep(PATIENCE_S / 10)
        if time.monotonic() - task["beat"] > PATIENCE_S:
            background.start(work(task))


@mcp.tool
async def start_processing(total: int, batch: int) -> str:
    """Start processing."""
    task_id = uuid4().hex
    tasks[task_id] = {"task_id": task_id, "status": "running", "progress": 0, "total": total, "batch": batch}
    tasks[task_id] |= {"records": [], "beat": time.monotonic()}
    background.start(watch(tasks[task_id]))
    return f"task://status/{task_id}"


@mcp.resource("task://status/{task_id}", mime_type="application/json")
async def status(task_id: str) -> str:
    """The task, and its records so far."""
    return json.dumps(tasks.get(task_id, {"error": "Task not found", "task_id": task_id}))


if __name__ == "__main__":
    serve(mcp, where)
