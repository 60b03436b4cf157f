"""Indexes documents in their order; what is left after a crash is a set, and sets of strings have no order."""

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

db = sqlite3.connect(args.dir / "index.db")
db.execute("PRAGMA journal_mode=WAL")
db.execute("CREATE TABLE IF NOT EXISTS jobs (id TEXT PRIMARY KEY, total INT, batch INT)")
db.execute("CREATE TABLE IF NOT EXISTS entries (job TEXT, doc TEXT, UNIQUE (job, doc))")
running = set()


def names(total):
    return [f"doc-{n:04}" for n in range(total)]


def entries(job):
    return [doc for (doc,) in db.execute("SELECT doc FROM entries WHERE job = ? ORDER BY rowid", (job,))]


def commit(job, docs):
    if args.ledger:
        with args.ledger.open("a") as file:
            file.writelines(json.dumps({"task": job, "record": doc}) + "\n" for doc in docs)
    with db:
        db.executemany("INSERT INTO entries VALUES (?, ?)", [(job, doc) for doc in docs])


async def work(job, batch, docs):
    for first in range(0, len(docs), batch):
        await asyncio.sleep(0.025)
        commit(job, docs[first : first + batch])


@asynccontextmanager
async def lifespan(_):
    for job, total, batch in db.execute("SELECT id, total, batch FROM jobs").fetchall():
        left = list(set(names(total)) - set(entries(job)))
        running.add(asyncio.create_task(work(job, batch, left)))
    yield


mcp = FastMCP("index", lifespan=lifespan)


@mcp.tool
async def index_documents(total: int, batch: int) -> str:
    job = uuid4().hex
    with db:
        db.execute("INSERT INTO jobs VALUES (?, ?, ?)", (job, total, batch))
    running.add(asyncio.create_task(work(job, batch, names(total))))
    return f"index://{job}"


@mcp.resource("index://{job}")
async def status(job: str) -> str:
    for (total,) in db.execute("SELECT total FROM jobs WHERE id = ?", (job,)):
        done = len(entries(job))
        return json.dumps({"id": job, "state": "running" if done < total else "completed", "done": done, "of": total})
    return json.dumps({"error": f"there is no index {job}"})


@mcp.resource("index://{job}/entries")
async def listed(job: str) -> str:
    return json.dumps({"entries": [{"doc": doc} for doc in entries(job)]})


mcp.run(transport="http", port=args.port, show_banner=False)
