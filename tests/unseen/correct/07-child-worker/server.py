"""Transcodes frames in a child process of the same group, which ends when its parent does."""

import argparse
import asyncio
import fcntl
import json
import os
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

from fastmcp import FastMCP
from mcp.shared.exceptions import MCPError

parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int, default=8000)
parser.add_argument("--dir", type=Path, default=Path())
parser.add_argument("--ledger", default="")
parser.add_argument("--worker", action="store_true", help="be the child")
args = parser.parse_args()


def connect():
    db = sqlite3.connect(args.dir / "frames.db", timeout=30)
    db.execute("PRAGMA journal_mode = WAL")
    with db:
        db.execute("CREATE TABLE IF NOT EXISTS jobs (id TEXT PRIMARY KEY, frames INT, gop INT, done INT)")
        db.execute("CREATE TABLE IF NOT EXISTS frames (job TEXT, frame INT, crc INT, PRIMARY KEY (job, frame))")
    return db


def end_with_parent():
    sys.stdin.read()  # returns when the parent's end of the pipe is closed
    os._exit(0)


def worker():
    threading.Thread(target=end_with_parent, daemon=True).start()
    lock = (args.dir / "worker.lock").open("w")
    fcntl.flock(lock, fcntl.LOCK_EX)
    db = connect()
    while True:
        job = db.execute("SELECT id, frames, gop, done FROM jobs WHERE done < frames ORDER BY rowid LIMIT 1").fetchone()
        if job is None:
            time.sleep(0.02)
            continue
        name, frames, gop, done = job
        numbers = range(done, min(done + gop, frames))
        time.sleep(0.07)
        if args.ledger:
            with open(args.ledger, "a") as ledger:
                ledger.writelines(json.dumps({"task": name, "record": n}) + "\n" for n in numbers)
        with db:
            db.executemany("INSERT INTO frames VALUES (?, ?, ?)", [(name, n, n * 2654435761 % 2**32) for n in numbers])
            db.execute("UPDATE jobs SET done = ? WHERE id = ?", (numbers.stop, name))


async def keep_alive():
    command = [sys.executable, __file__, "--worker", "--dir", str(args.dir), "--ledger", args.ledger]
    while True:
        child = subprocess.Popen(command, stdin=subprocess.PIPE)
        while child.poll() is None:
            await asyncio.sleep(0.1)


@asynccontextmanager
async def lifespan(_):
    keeper = asyncio.create_task(keep_alive())
    yield
    keeper.cancel()


mcp = FastMCP("transcoder", lifespan=lifespan)


@mcp.tool
async def transcode(frames: int, gop: int) -> dict:
    job = uuid4().hex
    with db:
        db.execute("INSERT INTO jobs VALUES (?, ?, ?, 0)", (job, frames, gop))
    return {"accepted": True, "follow": f"transcode://{job}"}


@mcp.resource("transcode://{job}")
async def status(job: str) -> str:
    for frames, done in db.execute("SELECT frames, done FROM jobs WHERE id = ?", (job,)):
        word = "completed" if done == frames else "processing" if done else "queued"
        return json.dumps({"job": job, "status": word, "frames_done": done, "frames_total": frames})
    raise MCPError(code=-32602, message="no such job")


@mcp.resource("transcode://{job}/frames")
async def frames(job: str) -> str:
    rows = db.execute("SELECT frame, crc FROM frames WHERE job = ? ORDER BY frame", (job,))
    return json.dumps({"frames": [{"frame": frame, "crc": crc} for frame, crc in rows]})


if __name__ == "__main__":
    if args.worker:
        worker()
    db = connect()
    mcp.run(transport="http", port=args.port, show_banner=False, log_level="warning")
