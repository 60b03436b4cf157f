"""Hashes chunks in a pool of two processes, several jobs' batches at a time; the server alone writes."""

import argparse
import asyncio
import hashlib
import json
import multiprocessing
import os
import sqlite3
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

from fastmcp import FastMCP
from fastmcp.exceptions import ToolError

parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int, default=8000)
parser.add_argument("--dir", type=Path, default=Path())
args = parser.parse_args()
running = []


def follow_parent():
    def wait():
        multiprocessing.parent_process().join()
        os._exit(0)

    threading.Thread(target=wait, daemon=True).start()


def chunk_hashes(numbers):
    time.sleep(0.03 + 0.02 * (numbers.start % 3))
    return [(n, hashlib.blake2b(str(n).encode(), digest_size=6).hexdigest()) for n in numbers]


async def work(job):
    """Two batches at once, committed in order and together."""
    while True:
        total, batch, done = db.execute("SELECT total, batch, done FROM jobs WHERE id = ?", (job,)).fetchone()
        if done == total:
            return
        upto = min(done + 2 * batch, total)
        parts = [range(first, min(first + batch, upto)) for first in range(done, upto, batch)]
        loop = asyncio.get_running_loop()
        for part in [loop.run_in_executor(pool, chunk_hashes, part) for part in parts]:
            hashes = await part
            with db:
                step = (hashes[-1][0] + 1, job, hashes[0][0])
                if not db.execute("UPDATE jobs SET done = ? WHERE id = ? AND done = ?", step).rowcount:
                    break
                db.executemany("INSERT INTO chunks VALUES (?, ?, ?)", [(job, *chunk) for chunk in hashes])


@asynccontextmanager
async def lifespan(_):
    running.extend(asyncio.create_task(work(job)) for (job,) in db.execute("SELECT id FROM jobs WHERE done < total"))
    yield


mcp = FastMCP("hasher", lifespan=lifespan)


@mcp.tool
async def start_hashing(chunks: int, batch: int) -> str:
    job = str(uuid4())
    with db:
        db.execute("INSERT INTO jobs VALUES (?, ?, ?, 0)", (job, chunks, batch))
    running.append(asyncio.create_task(work(job)))
    return json.dumps({"uuid": job})


@mcp.tool
async def hashing_status(uuid: str) -> str:
    for total, done in db.execute("SELECT total, done FROM jobs WHERE id = ?", (uuid,)):
        word = "success" if done == total else "started" if done else "pending"
        return json.dumps({"uuid": uuid, "state": word, "done": done, "total": total})
    raise ToolError("unknown uuid")


@mcp.resource("hashes://{job}")
async def hashes(job: str) -> str:
    rows = db.execute("SELECT n, hash FROM chunks WHERE job = ? ORDER BY n", (job,))
    return json.dumps([{"chunk": n, "hash": digest} for n, digest in rows])


if __name__ == "__main__":
    # Before there are threads, and before the port is open: the children inherit neither.
    pool = ProcessPoolExecutor(2, multiprocessing.get_context("fork"), initializer=follow_parent)
    for ready in [pool.submit(os.getpid) for _ in range(2)]:
        ready.result()
    db = sqlite3.connect(args.dir / "hashes.db", timeout=20)
    db.execute("CREATE TABLE IF NOT EXISTS jobs (id TEXT PRIMARY KEY, total INT, batch INT, done INT)")
    db.execute("CREATE TABLE IF NOT EXISTS chunks (job TEXT, n INT, hash TEXT, PRIMARY KEY (job, n))")
    mcp.run(transport="http", port=args.port, show_banner=False, log_level="warning")
