"""The checkpoint is durable before the data is: a kill between the two loses the batch.

Taken from the first seed system, which saves its checkpoint file and its data file one after the other. Here each of
the two writes is flawless (whole, renamed, fsynced); their order is the bug.

Must be caught by: records.lost (kill at written-uncommitted).
"""

import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fastmcp import FastMCP

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.mutants.common import Background, Effects, let_answer_leave, options, pace, process, reach, serve

where = options()
effects = Effects(where.effects_file)
background = Background()
output = where.state_dir / "out.jsonl"


def checkpoint_file(task_id: str) -> Path:
    return where.state_dir / f"{task_id}.checkpoint"


def save_checkpoint(task: dict[str, Any]) -> None:
    file = checkpoint_file(task["task_id"])
    draft = file.with_suffix(".draft")
    with draft.open("w") as saved:
        json.dump(task, saved)
        saved.flush()
        os.fsync(saved.fileno())
    draft.replace(file)


async def work(task: dict[str, Any]) -> None:
    await let_answer_leave()
    for first in range(task["progress"], task["total"], task["batch"]):
        number, end = first // task["batch"] + 1, min(first + task["batch"], task["total"])
        records = process(first, end)
        effects.append(task["task_id"], records)
        reach("before-write", number)
        task["progress"] = end
        save_checkpoint(task)
        reach("written-uncommitted", number)
        with output.open("a") as data:
            data.write("".join(json.dumps(record) + "\n" for record in records))
            data.flush()
            os.fsync(data.fileno())
        reach("committed-unacknowledged", number)
        await pace()
        reach("acknowledged", number)
    task["status"] = "completed"
    save_checkpoint(task)


@asynccontextmanager
async def lifespan(_server: FastMCP[Any]) -> AsyncIterator[None]:
    for file in where.state_dir.glob("*.checkpoint"):
        task = json.loads(file.read_text())
        if task["status"] == "running":
            background.start(work(task))
    yield


mcp: FastMCP[Any] = FastMCP("checkpoint before data", lifespan=lifespan)


@mcp.tool
async def start_processing(total: int, batch: int, client_id: str) -> str:
    """Start processing, once for each client."""
    if not checkpoint_file(client_id).exists():
        task = {"task_id": client_id, "status": "running", "progress": 0, "total": total, "batch": batch}
        save_checkpoint(task)
        background.start(work(task))
    return f"task://status/{client_id}"


@mcp.resource("task://status/{task_id}", mime_type="application/json")
async def status(task_id: str) -> str:
    """The task's checkpoint."""
    file = checkpoint_file(task_id)
    return file.read_text() if file.exists() else json.dumps({"error": "Task not found", "task_id": task_id})


if __name__ == "__main__":
    serve(mcp, where)
