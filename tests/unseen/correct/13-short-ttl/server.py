"""Renders thumbnails and keeps them for twenty seconds: for as long as ttlMs, counted from createdAt, says."""

import argparse
import asyncio
import sqlite3
import time
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from fastmcp import FastMCP
from fastmcp.exceptions import ToolError

parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int, default=8000)
parser.add_argument("--dir", type=Path, default=Path())
parser.add_argument("--ttl-s", type=float, default=20, help="from its creation")
parser.add_argument("--keep-s", type=float, default=20, help="at least, from its end")
args = parser.parse_args()

db = sqlite3.connect(args.dir / "thumbs.db", timeout=20)
db.execute(
    "CREATE TABLE IF NOT EXISTS sheets (id TEXT PRIMARY KEY, total INT, batch INT, done INT, created REAL, ttl REAL)"
)
db.execute("CREATE TABLE IF NOT EXISTS thumbs (sheet TEXT, page INT, bytes INT, PRIMARY KEY (sheet, page))")
tasks = set()


async def render(sheet):
    while True:
        total, batch, done, created, ttl = db.execute(
            "SELECT total, batch, done, created, ttl FROM sheets WHERE id = ?", (sheet,)
        ).fetchone()
        if done == total:
            return
        await asyncio.sleep(0.06)
        upto = min(done + batch, total)
        if upto == total:  # the last batch may come late: then the promise is made longer, in the same transaction
            ttl = max(ttl, time.time() - created + args.keep_s)
        with db:
            step = (upto, ttl, sheet, done)
            if db.execute("UPDATE sheets SET done = ?, ttl = ? WHERE id = ? AND done = ?", step).rowcount:
                thumbs = [(sheet, page, 900 + page * 17 % 250) for page in range(done, upto)]
                db.executemany("INSERT INTO thumbs VALUES (?, ?, ?)", thumbs)


def evict():
    """What is finished and past its time. What still runs is never evicted."""
    with db:
        gone = db.execute("SELECT id FROM sheets WHERE done = total AND created + ttl < ?", (time.time(),)).fetchall()
        db.executemany("DELETE FROM thumbs WHERE sheet = ?", gone)
        db.executemany("DELETE FROM sheets WHERE id = ?", gone)


@asynccontextmanager
async def lifespan(_):
    for (sheet,) in db.execute("SELECT id FROM sheets WHERE done < total").fetchall():
        tasks.add(asyncio.create_task(render(sheet)))
    yield


mcp = FastMCP("thumbnails", lifespan=lifespan)


@mcp.tool
async def render_sheet(pages: int, batch: int) -> dict:
    sheet = uuid4().hex
    with db:
        db.execute("INSERT INTO sheets VALUES (?, ?, ?, 0, ?, ?)", (sheet, pages, batch, time.time(), args.ttl_s))
    tasks.add(asyncio.create_task(render(sheet)))
    return state_of(sheet)


def state_of(sheet):
    evict()
    row = db.execute("SELECT total, done, created, ttl FROM sheets WHERE id = ?", (sheet,)).fetchone()
    if row is None:
        raise ToolError(f"sheet {sheet} is unknown or has expired")
    total, done, created, ttl = row
    return {
        "sheetId": sheet,
        "status": "completed" if done == total else "working",
        "progress": {"done": done, "total": total},
        "createdAt": datetime.fromtimestamp(created, UTC).isoformat(),
        "ttlMs": int(ttl * 1000),
    }


@mcp.tool
async def sheet_status(sheet_id: str) -> dict:
    return state_of(sheet_id)


@mcp.tool
async def sheet_pages(sheet_id: str) -> dict:
    state_of(sheet_id)
    rows = db.execute("SELECT page, bytes FROM thumbs WHERE sheet = ? ORDER BY page", (sheet_id,))
    return {"pages": [{"page": page, "bytes": size} for page, size in rows]}


if __name__ == "__main__":
    mcp.run(transport="http", port=args.port, show_banner=False, log_level="warning")
