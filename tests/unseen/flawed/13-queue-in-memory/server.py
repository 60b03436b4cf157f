"""Translates pages. What is running is resumed after a crash; what is still queued is in an asyncio.Queue only."""

import argparse
import asyncio
import json
import sqlite3
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

from fastmcp import FastMCP

parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int, default=8000)
parser.add_argument("--dir", type=Path, default=Path())
parser.add_argument("--ledger", type=Path)
args = parser.parse_args()

db = sqlite3.connect(args.dir / "translations.db")
db.execute("CREATE TABLE IF NOT EXISTS jobs (id TEXT PRIMARY KEY, total INT, batch INT, done INT, status TEXT)")
db.execute("CREATE TABLE IF NOT EXISTS pages (job TEXT, n INT, text TEXT, PRIMARY KEY (job, n))")
queue = asyncio.Queue()
background = set()


def commit(job, numbers):
    if args.ledger:
        with args.ledger.open("a") as file:
            file.writelines(json.dumps({"task": job, "record": n}) + "\n" for n in numbers)
    with db:
        db.executemany("INSERT INTO pages VALUES (?, ?, ?)", [(job, n, f"Seite {n}") for n in numbers])
        db.execute("UPDATE jobs SET done = ? WHERE id = ?", (numbers.stop, job))


def mark(job, status):
    with db:
        db.execute("UPDATE jobs SET status = ? WHERE id = ?", (status, job))


async def work(job, total, batch, done):
    for first in range(done, total, batch):
        await asyncio.sleep(0.035)
        commit(job, range(first, min(first + batch, total)))
    mark(job, "completed")


async def dispatch():
    while True:
        row = await queue.get()
        await asyncio.sleep(0.2)  # the translator wants a moment between two jobs
        mark(row[0], "in_progress")
        background.add(asyncio.create_task(work(*row)))


@asynccontextmanager
async def lifespan(_):
    for row in db.execute("SELECT id, total, batch, done FROM jobs WHERE status = 'in_progress'").fetchall():
        background.add(asyncio.create_task(work(*row)))
    background.add(asyncio.create_task(dispatch()))
    yield


mcp = FastMCP("translator", lifespan=lifespan)


@mcp.tool
async def translate(total: int, batch: int) -> dict:
    job = uuid4().hex
    with db:
        db.execute("INSERT INTO jobs VALUES (?, ?, ?, 0, 'queued')", (job, total, batch))
    queue.put_nowait((job, total, batch, 0))
    return {"job": {"id": job, "uri": f"translation://{job}"}}


@mcp.resource("translation://{job}")
async def status(job: str) -> str:
    for total, done, state in db.execute("SELECT total, done, status FROM jobs WHERE id = ?", (job,)):
        return json.dumps({"job": {"id": job, "status": state}, "pages": {"done": done, "total": total}})
    return json.dumps({"error": f"there is no translation {job}"})


@mcp.resource("translation://{job}/pages")
async def pages(job: str) -> str:
    found = db.execute("SELECT n, text FROM pages WHERE job = ? ORDER BY n", (job,))
    return json.dumps([{"page": n, "text": text} for n, text in found])


mcp.run(transport="http", port=args.port, show_banner=False)
