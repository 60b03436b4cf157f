"""The ids that a start tool has given out live in a dictionary: after a restart the status tool knows none of them.

Must be caught by: task.vanished.
"""

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
jobs: dict[str, dict[str, Any]] = {}
mcp: FastMCP[Any] = FastMCP("forgotten ids")


async def work(job_id: str, total: int, batch: int) -> None:
    await let_answer_leave()
    for number, first in enumerate(range(0, total, batch), start=1):
        records = process(first, min(first + batch, total))
        effects.append(job_id, records)
        reach("before-write", number)
        jobs[job_id]["records"] += records
        jobs[job_id]["done"] += len(records)
        await pace()
        reach("acknowledged", number)
    jobs[job_id]["state"] = "done"


@mcp.tool
async def start_job(total: int, batch: int) -> str:
    """Start a job; the answer is its id."""
    job_id = uuid4().hex
    jobs[job_id] = {"state": "running", "done": 0, "total": total, "records": []}
    background.start(work(job_id, total, batch))
    return job_id


@mcp.tool
async def job_status(job_id: str) -> dict[str, Any]:
    """The job, and its records so far."""
    return jobs.get(job_id, {"error": f"there is no job {job_id}"})


if __name__ == "__main__":
    serve(mcp, where)
