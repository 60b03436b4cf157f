"""Crawls pages in a process that is meant to survive its shell, and starts one more whenever the server starts."""

import argparse
import json
import os
import shlex
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from uuid import uuid4

parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int, default=8000)
parser.add_argument("--dir", type=Path, default=Path())
parser.add_argument("--ledger", type=Path)
parser.add_argument("--crawl", help="be the crawler of this job")
args = parser.parse_args()
db = sqlite3.connect(args.dir / "crawl.db", timeout=10, check_same_thread=False)


def crawl(job):
    total, batch, done = db.execute("SELECT total, batch, done FROM jobs WHERE id = ?", (job,)).fetchone()
    while done < total:
        time.sleep(0.11)
        numbers = range(done, min(done + batch, total))
        if args.ledger:
            with args.ledger.open("a") as file:
                file.write("".join(json.dumps({"task": job, "record": n}) + "\n" for n in numbers))
        with db:
            db.executemany("INSERT INTO pages VALUES (?, ?)", [(job, n) for n in numbers])
            db.execute("UPDATE jobs SET done = max(done, ?) WHERE id = ?", (numbers.stop, job))
        done = numbers.stop


if args.crawl:
    crawl(args.crawl)
    sys.exit()

from fastmcp import FastMCP  # noqa: E402  # the crawler does without

db.execute("PRAGMA journal_mode=WAL")
db.execute("CREATE TABLE IF NOT EXISTS jobs (id TEXT PRIMARY KEY, total INT, batch INT, done INT)")
db.execute("CREATE TABLE IF NOT EXISTS pages (job TEXT, n INT)")
mcp = FastMCP("crawler")


def launch(job):
    words = [sys.executable, str(Path(__file__).resolve()), "--dir", str(args.dir), "--crawl", job]
    if args.ledger:
        words += ["--ledger", str(args.ledger)]
    line = f"setsid nohup {shlex.join(words)} >{shlex.quote(os.devnull)} 2>&1 &"
    subprocess.run(["sh", "-c", line], check=True)


@mcp.tool
def start_crawl(total: int, batch: int) -> dict:
    job = uuid4().hex
    with db:
        db.execute("INSERT INTO jobs VALUES (?, ?, ?, 0)", (job, total, batch))
    launch(job)
    return {"job": job, "state": "queued"}


@mcp.tool
def crawl_state(job: str) -> dict:
    row = db.execute("SELECT total, done FROM jobs WHERE id = ?", (job,)).fetchone()
    if row is None:
        raise ValueError(f"no such job: {job}")
    total, done = row
    return {"job": job, "state": "completed" if done == total else "running", "pages": done, "expected": total}


@mcp.resource("crawl://{job}/pages")
def pages(job: str) -> str:
    found = db.execute("SELECT n FROM pages WHERE job = ? ORDER BY rowid", (job,))
    return json.dumps([{"page": n} for (n,) in found])


for (unfinished,) in db.execute("SELECT id FROM jobs WHERE done < total").fetchall():
    launch(unfinished)
mcp.run(transport="http", port=args.port, show_banner=False)
