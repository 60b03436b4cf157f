"""The same job server with its jobs in a dictionary: it works, until it is restarted."""

import argparse
import asyncio
import hashlib
import json
from typing import Any
from uuid import uuid4

from fastmcp import FastMCP

parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int, default=8000)
args = parser.parse_args()

mcp: FastMCP[None] = FastMCP("Key stretcher")
jobs: dict[str, dict[str, Any]] = {}
working: list[asyncio.Task[None]] = []


def stretch(n: int) -> str:
    return hashlib.pbkdf2_hmac("sha256", str(n).encode(), b"salt", iterations=10_000).hex()


async def work(job: str, total: int, batch: int) -> None:
    for done in range(0, total, batch):
        numbers = range(done, min(done + batch, total))
        jobs[job]["keys"] += [{"n": n, "key": await asyncio.to_thread(stretch, n)} for n in numbers]
        jobs[job]["done"] = numbers.stop
    jobs[job]["status"] = "completed"


@mcp.tool
async def start_stretching(total: int, batch: int) -> str:
    """Stretch the keys 0 to total - 1 in the background, and say where the job can be followed."""
    job = uuid4().hex
    jobs[job] = {"id": job, "status": "running", "done": 0, "total": total, "keys": []}
    working.append(asyncio.create_task(work(job, total, batch)))
    return f"job://{job}"


@mcp.resource("job://{job}")
async def status(job: str) -> str:
    return json.dumps(jobs.get(job, {"error": f"there is no job {job}"}))


@mcp.resource("job://{job}/keys")
async def keys(job: str) -> str:
    return json.dumps(jobs[job]["keys"])


mcp.run(transport="http", port=args.port, show_banner=False)
