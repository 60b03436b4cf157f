"""Thumbnails in the background; exact: rows and cursor in one transaction, unfinished jobs resumed at start."""

import argparse
import asyncio
import json
import sqlite3
from contextlib import asynccontextmanager
from uuid import uuid4

from fastmcp import FastMCP

parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int, default=8000)
parser.add_argument("--db", default="jobs.db")
args = parser.parse_args()
db = sqlite3.connect(args.db)
db.execute("CREATE TABLE IF NOT EXISTS jobs (id TEXT PRIMARY KEY, total INT, batch INT, done INT)")
db.execute("CREATE TABLE IF NOT EXISTS rows (job TEXT, n INT, PRIMARY KEY (job, n))")
running = set()


async def work(job, total, batch, done):
    while done < total:
        await asyncio.sleep(0.06)
        upto = min(done + batch, total)
        with db:
            db.executemany("INSERT INTO rows VALUES (?, ?)", [(job, n) for n in range(done, upto)])
            db.execute("UPDATE jobs SET done = ? WHERE id = ?", (upto, job))
        done = upto


@asynccontextmanager
async def lifespan(_):
    for row in db.execute("SELECT id, total, batch, done FROM jobs WHERE done < total").fetchall():
        running.add(asyncio.create_task(work(*row)))
    yield


mcp = FastMCP("thumbnails", lifespan=lifespan)


@mcp.tool
async def start(total: int, batch: int) -> str:
    job = uuid4().hex
    with db:
        db.execute("INSERT INTO jobs VALUES (?, ?, ?, 0)", (job, total, batch))
    running.add(asyncio.create_task(work(job, total, batch, 0)))
    return f"job://{job}"


@mcp.resource("job://{job}")
async def status(job: str) -> str:
    for total, done in db.execute("SELECT total, done FROM jobs WHERE id = ?", (job,)):
        return json.dumps(
            {"id": job, "status": "running" if done < total else "completed", "done": done, "total": total}
        )
    return json.dumps({"error": f"there is no job {job}"})


@mcp.resource("job://{job}/rows")
async def rows(job: str) -> str:
    return json.dumps([{"n": n} for (n,) in db.execute("SELECT n FROM rows WHERE job = ? ORDER BY n", (job,))])


mcp.run(transport="http", port=args.port, show_banner=False)
