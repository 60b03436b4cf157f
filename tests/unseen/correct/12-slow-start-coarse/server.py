"""Classifies mails with a model that takes 1.5 s to load; says how far it is at every third batch only."""

import argparse
import asyncio
import json
import sqlite3
import time
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

from fastmcp import FastMCP
from mcp.shared.exceptions import MCPError

parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int, default=8000)
parser.add_argument("--dir", type=Path, default=Path())
args = parser.parse_args()
time.sleep(1.5)  # the model

db = sqlite3.connect(args.dir / "mails.db", timeout=20)
db.execute("CREATE TABLE IF NOT EXISTS runs (id TEXT PRIMARY KEY, total INT, batch INT)")
db.execute("CREATE TABLE IF NOT EXISTS labels (run TEXT, mail INT, label TEXT, PRIMARY KEY (run, mail))")
tasks = set()


def labelled(run):
    return db.execute("SELECT count(*) FROM labels WHERE run = ?", (run,)).fetchone()[0]


async def classify(run, total, batch):
    """There is no cursor: what has a label is done, and labels come a whole batch at a time."""
    while (done := labelled(run)) < total:
        await asyncio.sleep(0.05)
        rows = [(run, n, ("ham", "spam", "news")[n % 3]) for n in range(done, min(done + batch, total))]
        with db:
            db.executemany("INSERT OR IGNORE INTO labels VALUES (?, ?, ?)", rows)


@asynccontextmanager
async def lifespan(_):
    for run, total, batch in db.execute("SELECT id, total, batch FROM runs").fetchall():
        tasks.add(asyncio.create_task(classify(run, total, batch)))
    yield


mcp = FastMCP("classifier", lifespan=lifespan)


@mcp.tool
async def classify_mails(mails: int, batch: int) -> str:
    run = uuid4().hex
    with db:
        db.execute("INSERT INTO runs VALUES (?, ?, ?)", (run, mails, batch))
    tasks.add(asyncio.create_task(classify(run, mails, batch)))
    return f"run://{run}"


@mcp.resource("run://{run}")
async def state(run: str) -> str:
    for total, batch in db.execute("SELECT total, batch FROM runs WHERE id = ?", (run,)):
        done = labelled(run)
        if done == total:
            return json.dumps({"run": run, "state": "TASK_STATE_COMPLETED", "mails": total, "of": total})
        coarse = done // (3 * batch) * 3 * batch
        word = "TASK_STATE_WORKING" if done else "TASK_STATE_SUBMITTED"
        return json.dumps({"run": run, "state": word, "mails": coarse, "of": total})
    raise MCPError(code=-32602, message=f"Resource not found: run://{run}")


@mcp.resource("run://{run}/labels/{page}")
async def labels(run: str, page: int) -> str:
    rows = db.execute("SELECT mail, label FROM labels WHERE run = ? ORDER BY mail LIMIT 40 OFFSET ?", (run, 40 * page))
    found = [{"mail": mail, "label": label} for mail, label in rows]
    return json.dumps({"labels": found, "next": f"run://{run}/labels/{page + 1}" if len(found) == 40 else None})


if __name__ == "__main__":
    mcp.run(transport="http", port=args.port, show_banner=False, log_level="warning")
