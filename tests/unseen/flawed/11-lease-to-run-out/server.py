"""Renders previews. A worker has a lease of four seconds on its job; after a crash it must first run out."""

import argparse
import asyncio
import json
import sqlite3
import time
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

from fastmcp import FastMCP
from fastmcp.exceptions import ToolError

parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int, default=8000)
parser.add_argument("--dir", type=Path, default=Path())
parser.add_argument("--ledger", type=Path)
args = parser.parse_args()
LEASE_S = 4

db = sqlite3.connect(args.dir / "previews.db")
db.execute("PRAGMA journal_mode=WAL")
db.execute("CREATE TABLE IF NOT EXISTS jobs (id TEXT PRIMARY KEY, total INT, batch INT, done INT, leased_until REAL)")
db.execute("CREATE TABLE IF NOT EXISTS previews (job TEXT, n INT, PRIMARY KEY (job, n))")
background = set()
mine = set()


def note(job, numbers):
    if args.ledger:
        with args.ledger.open("a") as file:
            file.writelines(json.dumps({"task": job, "record": n}) + "\n" for n in numbers)


async def work(job, total, batch, done):
    while done < total:
        await asyncio.sleep(0.05)
        numbers = range(done, min(done + batch, total))
        note(job, numbers)
        with db:
            db.executemany("INSERT INTO previews VALUES (?, ?)", [(job, n) for n in numbers])
            renewed = (numbers.stop, time.time() + LEASE_S, job)
            db.execute("UPDATE jobs SET done = ?, leased_until = ? WHERE id = ?", renewed)
        done = numbers.stop


def claim():
    now = time.time()
    free = "SELECT id, total, batch, done FROM jobs WHERE done < total AND leased_until < ?"
    for row in db.execute(free, (now,)).fetchall():
        if row[0] in mine:
            continue
        mine.add(row[0])
        with db:
            db.execute("UPDATE jobs SET leased_until = ? WHERE id = ?", (now + LEASE_S, row[0]))
        background.add(asyncio.create_task(work(*row)))


async def dispatch():
    while True:
        claim()
        await asyncio.sleep(0.1)


@asynccontextmanager
async def lifespan(_):
    background.add(asyncio.create_task(dispatch()))
    yield


mcp = FastMCP("previews", lifespan=lifespan)


@mcp.tool
async def render(total: int, batch: int) -> dict:
    job = uuid4().hex
    with db:
        db.execute("INSERT INTO jobs VALUES (?, ?, ?, 0, 0)", (job, total, batch))
    claim()
    return {"job_id": job}


@mcp.tool
async def how_far(job_id: str) -> dict:
    for total, done in db.execute("SELECT total, done FROM jobs WHERE id = ?", (job_id,)):
        return {"job_id": job_id, "status": "running" if done < total else "completed", "done": done, "total": total}
    raise ToolError(f"unknown job {job_id}")


@mcp.resource("previews://{job_id}")
async def previews(job_id: str) -> str:
    found = db.execute("SELECT n FROM previews WHERE job = ? ORDER BY n", (job_id,))
    return json.dumps([{"n": n} for (n,) in found])


mcp.run(transport="http", port=args.port, show_banner=False)
