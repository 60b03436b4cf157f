"""Archives messages. A job that is resumed counts in whole pages of ten, whatever the job was told."""

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
PAGE = 10

db = sqlite3.connect(args.dir / "archive.db")
db.execute("CREATE TABLE IF NOT EXISTS jobs (id TEXT PRIMARY KEY, total INT, done INT, state TEXT)")
db.execute("CREATE TABLE IF NOT EXISTS messages (job TEXT, n INT, PRIMARY KEY (job, n))")
running = set()


async def archive(job, numbers):
    await asyncio.sleep(0.04)
    if args.ledger:
        with args.ledger.open("a") as file:
            file.writelines(json.dumps({"task": job, "record": n}) + "\n" for n in numbers)
    with db:
        db.executemany("INSERT OR IGNORE INTO messages VALUES (?, ?)", [(job, n) for n in numbers])
        db.execute("UPDATE jobs SET done = ? WHERE id = ?", (numbers.stop, job))


def complete(job):
    with db:
        db.execute("UPDATE jobs SET state = 'completed' WHERE id = ?", (job,))


async def work(job, total, batch):
    for first in range(0, total, batch):
        await archive(job, range(first, min(first + batch, total)))
    complete(job)


async def go_on(job, total, done):
    for page in range(done // PAGE, total // PAGE):
        await archive(job, range(page * PAGE, (page + 1) * PAGE))
    complete(job)


@asynccontextmanager
async def lifespan(_):
    for row in db.execute("SELECT id, total, done FROM jobs WHERE state = 'running'").fetchall():
        running.add(asyncio.create_task(go_on(*row)))
    yield


mcp = FastMCP("archive", lifespan=lifespan)


@mcp.tool
async def archive_messages(total: int, batch: int = PAGE) -> str:
    job = uuid4().hex
    with db:
        db.execute("INSERT INTO jobs VALUES (?, ?, 0, 'running')", (job, total))
    running.add(asyncio.create_task(work(job, total, batch)))
    return f"archive://{job}"


@mcp.resource("archive://{job}")
async def status(job: str) -> str:
    for total, done, state in db.execute("SELECT total, done, state FROM jobs WHERE id = ?", (job,)):
        return json.dumps({"id": job, "status": state, "done": done, "total": total})
    return json.dumps({"error": f"no job {job}"})


@mcp.resource("archive://{job}/messages")
async def messages(job: str) -> str:
    return json.dumps([{"n": n} for (n,) in db.execute("SELECT n FROM messages WHERE job = ? ORDER BY n", (job,))])


mcp.run(transport="http", port=args.port, show_banner=False)
