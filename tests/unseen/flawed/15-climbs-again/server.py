"""Tags photos. A resumed job walks past what is done, and its percentage walks with it, from nothing."""

import argparse
import json
import sqlite3
import threading
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
percent = {}


def connect():
    db = sqlite3.connect(args.dir / "photos.db", timeout=10)
    db.execute("PRAGMA journal_mode=WAL")
    db.execute("CREATE TABLE IF NOT EXISTS jobs (id TEXT PRIMARY KEY, total INT, batch INT)")
    db.execute("CREATE TABLE IF NOT EXISTS tags (job TEXT, n INT, tag TEXT, PRIMARY KEY (job, n))")
    return db


def tag(db, job, numbers):
    time.sleep(0.06)
    if args.ledger:
        with args.ledger.open("a") as file:
            file.writelines(json.dumps({"task": job, "record": n}) + "\n" for n in numbers)
    with db:
        db.executemany("INSERT INTO tags VALUES (?, ?, ?)", [(job, n, "cat" if n % 3 else "dog") for n in numbers])


def tagged(db, job, numbers):
    time.sleep(0.06)  # the photos are opened, to compare them
    found = "SELECT count(*) FROM tags WHERE job = ? AND n >= ? AND n < ?"
    return db.execute(found, (job, numbers.start, numbers.stop)).fetchone()[0] == len(numbers)


def work(job, total, batch, resumed):
    db = connect()
    for first in range(0, total, batch):
        numbers = range(first, min(first + batch, total))
        if not (resumed and tagged(db, job, numbers)):
            tag(db, job, numbers)
        percent[job] = round(100 * numbers.stop / total, 1)
    db.close()


def start(*row):
    percent[row[0]] = 0.0
    threading.Thread(target=work, args=row, daemon=True).start()


@asynccontextmanager
async def lifespan(_):
    db = connect()
    for job, total, batch in db.execute("SELECT id, total, batch FROM jobs").fetchall():
        (done,) = db.execute("SELECT count(*) FROM tags WHERE job = ?", (job,)).fetchone()
        if done == total:
            percent[job] = 100.0
        else:
            start(job, total, batch, True)
    db.close()
    yield


mcp = FastMCP("photos", lifespan=lifespan)


@mcp.tool
def tag_photos(total: int, batch: int) -> dict:
    job = uuid4().hex
    db = connect()
    with db:
        db.execute("INSERT INTO jobs VALUES (?, ?, ?)", (job, total, batch))
    db.close()
    start(job, total, batch, False)
    return {"id": job}


@mcp.tool
def tagging(id: str) -> dict:
    if id not in percent:
        raise ToolError(f"there is no job {id}")
    return {"id": id, "status": "completed" if percent[id] == 100 else "in_progress", "percent": percent[id]}


@mcp.resource("photos://{job}/tags")
def tags(job: str) -> str:
    db = connect()
    found = db.execute("SELECT n, tag FROM tags WHERE job = ? ORDER BY n", (job,)).fetchall()
    db.close()
    return json.dumps([{"photo": n, "tag": word} for n, word in found])


mcp.run(transport="http", port=args.port, show_banner=False)
