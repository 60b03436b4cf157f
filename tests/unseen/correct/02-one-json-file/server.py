"""Translates strings. A job is one JSON file, replaced as a whole after each batch."""

import argparse
import asyncio
import fcntl
import json
import os
import uuid
from contextlib import asynccontextmanager
from pathlib import Path

import mcp_types as mt
from fastmcp import FastMCP
from fastmcp.tools.base import ToolResult
from mcp.shared.exceptions import MCPError

parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int, default=8000)
parser.add_argument("--dir", type=Path, default=Path())
args = parser.parse_args()

lock = (args.dir / "server.lock").open("w")
fcntl.flock(lock, fcntl.LOCK_EX)  # the server before us may still be winding down
jobs = {}
tasks = []


def save(job):
    new = args.dir / f"{job['id']}.json.new"
    with new.open("w") as file:
        json.dump(job, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(new, args.dir / f"{job['id']}.json")


async def translate(job):
    while len(job["rows"]) < job["total"]:
        first = len(job["rows"])
        await asyncio.sleep(0.05)
        upto = min(first + job["batch"], job["total"])
        rows = [{"key": f"menu.item.{n}", "de": f"Eintrag Nr. {n} „ü“"} for n in range(first, upto)]
        after = job | {"rows": job["rows"] + rows}
        after["phase"] = "done" if upto == job["total"] else "running"
        save(after)
        job.update(after)  # shown only when it is on the disk


@asynccontextmanager
async def lifespan(_):
    for path in args.dir.glob("*.json"):
        job = json.loads(path.read_text())
        jobs[job["id"]] = job
        tasks.append(asyncio.create_task(translate(job)))
    yield


mcp = FastMCP("translator", lifespan=lifespan)


@mcp.tool
async def translate_catalogue(strings: int, at_once: int) -> ToolResult:
    """Start the translation; its progress is behind the link."""
    job = {"id": str(uuid.uuid4()), "phase": "waiting", "total": strings, "batch": at_once, "rows": []}
    save(job)
    jobs[job["id"]] = job
    tasks.append(asyncio.create_task(translate(job)))
    link = mt.ResourceLink(type="resource_link", name="translation", uri=f"translation://{job['id']}")
    return ToolResult(content=[link])


@mcp.resource("translation://{job_id}", mime_type="application/json")
async def translation(job_id: str) -> str:
    if job_id not in jobs:
        raise MCPError(code=-32602, message=f"Resource not found: translation://{job_id}")
    job = jobs[job_id]
    done = len(job["rows"])
    return json.dumps({"id": job_id, "phase": job["phase"], "fraction": done / job["total"], "strings": done})


if __name__ == "__main__":
    mcp.run(transport="http", port=args.port, show_banner=False, log_level="error")
