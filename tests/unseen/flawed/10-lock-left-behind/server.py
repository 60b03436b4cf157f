"""Compresses logs under a lock file that only an orderly end removes."""

import argparse
import asyncio
import json
import os
import sys
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from uuid import uuid4

from fastmcp import FastMCP

parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int, default=8000)
parser.add_argument("--dir", type=Path, default=Path())
args = parser.parse_args()
LOCK = args.dir / "archive.lock"
running = set()
turn = asyncio.Lock()


@contextmanager
def locked():
    os.close(os.open(LOCK, os.O_CREAT | os.O_EXCL))
    try:
        yield
    finally:
        LOCK.unlink()


def save(job):
    beside = args.dir / f"{job['id']}.tmp"
    beside.write_text(json.dumps(job))
    beside.replace(args.dir / f"{job['id']}.job")


def load(name):
    return json.loads((args.dir / f"{name}.job").read_text())


async def work(job):
    while len(job["logs"]) < job["total"]:
        await asyncio.sleep(0.07)
        async with turn:
            with locked():
                first = len(job["logs"])
                for n in range(first, min(first + job["batch"], job["total"])):
                    job["logs"].append({"log": n, "ratio": 1 + n % 9})
                    await asyncio.sleep(0.002)
                save(job)


@asynccontextmanager
async def lifespan(_):
    for path in args.dir.glob("*.job"):
        running.add(asyncio.create_task(work(load(path.stem))))
    yield


mcp = FastMCP("log archive", lifespan=lifespan)


@mcp.tool
async def compress_logs(total: int, batch: int) -> dict:
    job = {"id": uuid4().hex, "total": total, "batch": batch, "logs": []}
    save(job)
    running.add(asyncio.create_task(work(job)))
    return {"links": {"self": f"log-archive://{job['id']}"}, "id": job["id"]}


@mcp.resource("log-archive://{name}")
def status(name: str) -> str:
    try:
        job = load(name)
    except FileNotFoundError:
        return json.dumps({"error": f"no job {name}"})
    done = len(job["logs"])
    state = "COMPLETED" if done == job["total"] else "RUNNING"
    return json.dumps({"id": name, "state": state, "done": done, "total": job["total"]})


@mcp.resource("log-archive://{name}/logs")
def logs(name: str) -> str:
    return json.dumps(load(name)["logs"])


if LOCK.exists():
    sys.exit(f"{LOCK} exists: another instance is at work")
mcp.run(transport="http", port=args.port, show_banner=False)
