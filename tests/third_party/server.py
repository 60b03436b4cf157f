"""A job server as anyone might write it: it stretches keys in the background, and its jobs survive a restart."""

import argparse
import asyncio
import hashlib
import json
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

from fastmcp import FastMCP

parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int, default=8000)
parser.add_argument("--db", default="jobs.db")
args = parser.parse_args()

db = sqlite3.connect(args.db)
db.execute("CREATE TABLE IF NOT EXISTS jobs (id TEXT PRIMARY KEY, total INT, batch INT, done INT)")
db.execute("CREATE TABLE IF NOT EXISTS keys (job TEXT, n INT, key TEXT, PRIMARY KEY (job, n))")
working: list[asyncio.Task[None]] = []


def stretch(n: int) -> str:
    return hashlib.pbkdf2_hmac("sha256", str(n).encode(), b"salt", iterations=10_000).hex()


async def work(job: str, total: int, batch: int, done: int) -> None:
    while done < total:
        numbers = range(done, min(done + batch, total))
        keys = [(job, n, await asyncio.to_thread(stretch, n)) for n in numbers]
        done = numbers.stop
        with db:  # one transaction: the keys and how far we are, or neither
            db.executemany("INSERT INTO keys VALUES (?, ?, ?)", keys)
            db.execute("UPDATE jobs SET done = ? WHERE id = ?", (done, job))


@asynccontextmanager
async def resume(_: FastMCP[Any]) -> AsyncIterator[None]:
    for unfinished in db.execute("SELECT id, total, batch, done FROM jobs WHERE done < total").fetchall():
        working.append(asyncio.create_task(work(*unfinished)))
    yield


mcp = FastMCP("Key stretcher", lifespan=resume)


@mcp.tool
async def start_stretching(total: int, batch: int) -> str:
    """Stretch the keys 0 to total - 1 in the background, and say where the job can be followed."""
    job = uuid4().hex
    with db:
        db.execute("INSERT INTO jobs VALUES (?, ?, ?, 0)", (job, total, batch))
    working.append(asyncio.create_task(work(job, total, batch, done=0)))
    return f"job://{job}"


@mcp.resource("job://{job}")
async def status(job: str) -> str:
    for total, done in db.execute("SELECT total, done FROM jobs WHERE id = ?", (job,)):
        return json.dumps(
            {"id": job, "status": "running" if done < total else "completed", "done": done, "total": total}
        )
    return json.dumps({"error": f"there is no job {job}"})


@mcp.resource("job://{job}/keys")
async def keys(job: str) -> str:
    return json.dumps([{"n": n, "key": key} for n, key in db.execute("SELECT n, key FROM keys WHERE job = ?", (job,))])


mcp.run(transport="http", port=args.port, show_banner=False)
