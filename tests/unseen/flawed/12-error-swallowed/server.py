"""Loads rows one at a time. Whatever goes wrong is noted in the job, which is completed all the same."""

import argparse
import json
import sqlite3
import threading
import time
from pathlib import Path
from uuid import uuid4

from fastmcp import FastMCP

parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int, default=8000)
parser.add_argument("--dir", type=Path, default=Path())
args = parser.parse_args()
lock = threading.Lock()
db = sqlite3.connect(args.dir / "warehouse.db", isolation_level=None, check_same_thread=False)
db.execute("PRAGMA journal_mode=WAL")
db.execute("CREATE TABLE IF NOT EXISTS rows (job TEXT, n INT, PRIMARY KEY (job, n))")
db.execute(
    "CREATE TABLE IF NOT EXISTS jobs"
    " (id TEXT PRIMARY KEY, total INT, batch INT, done INT DEFAULT 0, status TEXT DEFAULT 'running', error TEXT)"
)
mcp = FastMCP("warehouse")


def execute(words, *values):
    with lock:
        return db.execute(words, values).fetchall()


def work(job, total, batch, done):
    error = None
    try:
        while done < total:
            time.sleep(0.02)
            upto = min(done + batch, total)
            for n in range(done, upto):
                execute("INSERT INTO rows VALUES (?, ?)", job, n)
                time.sleep(0.003)
            done = upto
            execute("UPDATE jobs SET done = ? WHERE id = ?", done, job)
    except sqlite3.Error as e:
        error = f"{type(e).__name__}: {e}"
    execute("UPDATE jobs SET status = 'completed', error = ? WHERE id = ?", error, job)


def start(*row):
    threading.Thread(target=work, args=row, daemon=True).start()


@mcp.tool
def load_rows(total: int, batch: int) -> str:
    job = uuid4().hex
    execute("INSERT INTO jobs (id, total, batch) VALUES (?, ?, ?)", job, total, batch)
    start(job, total, batch, 0)
    return f"load://{job}"


@mcp.resource("load://{job}")
def status(job: str) -> str:
    for total, done, state, error in execute("SELECT total, done, status, error FROM jobs WHERE id = ?", job):
        return json.dumps({"id": job, "status": state, "done": done, "total": total, "error": error})
    return json.dumps({"error": f"there is no load {job}"})


@mcp.resource("load://{job}/rows")
def rows(job: str) -> str:
    return json.dumps([{"n": n} for (n,) in execute("SELECT n FROM rows WHERE job = ? ORDER BY n", job)])


for unfinished in execute("SELECT id, total, batch, done FROM jobs WHERE status = 'running'"):
    start(*unfinished)
mcp.run(transport="http", port=args.port, show_banner=False)
