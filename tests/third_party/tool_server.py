"""A job server without resources: a tool starts an export and answers with its id, another tells how it stands."""

import argparse
import asyncio
import hashlib
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

from fastmcp import FastMCP

parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int, default=8000)
parser.add_argument("--db", default="exports.db")
args = parser.parse_args()

db = sqlite3.connect(args.db)
db.execute("CREATE TABLE IF NOT EXISTS exports (id TEXT PRIMARY KEY, total INT, batch INT, done INT)")
db.execute("CREATE TABLE IF NOT EXISTS rows (export TEXT, n INT, value TEXT, PRIMARY KEY (export, n))")
working: list[asyncio.Task[None]] = []


def value(n: int) -> str:
    return hashlib.pbkdf2_hmac("sha256", str(n).encode(), b"salt", iterations=10_000).hex()


async def work(export: str, total: int, batch: int, done: int) -> None:
    while done < total:
        numbers = range(done, min(done + batch, total))
        rows = [(export, n, await asyncio.to_thread(value, n)) for n in numbers]
        done = numbers.stop
        with db:  # one transaction: the rows and how far we are, or neither
            db.executemany("INSERT INTO rows VALUES (?, ?, ?)", rows)
            db.execute("UPDATE exports SET done = ? WHERE id = ?", (done, export))


@asynccontextmanager
async def resume(_: FastMCP[Any]) -> AsyncIterator[None]:
    for unfinished in db.execute("SELECT id, total, batch, done FROM exports WHERE done < total").fetchall():
        working.append(asyncio.create_task(work(*unfinished)))
    yield


mcp = FastMCP("Exports", lifespan=resume)


@mcp.tool
async def start_export(total: int, batch: int) -> dict[str, Any]:
    """Export the rows 0 to total - 1 in the background."""
    export = uuid4().hex
    with db:
        db.execute("INSERT INTO exports VALUES (?, ?, ?, 0)", (export, total, batch))
    working.append(asyncio.create_task(work(export, total, batch, done=0)))
    return {"export_id": export, "state": "pending"}


@mcp.tool
async def export_status(export_id: str) -> dict[str, Any]:
    """How an export stands; its rows once it is done."""
    for total, done in db.execute("SELECT total, done FROM exports WHERE id = ?", (export_id,)):
        if done < total:
            return {"state": "running", "progress": {"current": done, "total": total}}
        rows = db.execute("SELECT n, value FROM rows WHERE export = ?", (export_id,))
        exported = [{"n": n, "value": value} for n, value in rows]
        return {"state": "finished", "progress": {"current": done, "total": total}, "rows": exported}
    raise ValueError(f"there is no export {export_id}")


mcp.run(transport="http", port=args.port, show_banner=False)
