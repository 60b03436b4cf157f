"""Rebuilds a search index, one rebuild at a time: a second order is refused, the same order again finds its rebuild."""

import argparse
import asyncio
import json
import sqlite3
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

from fastmcp import FastMCP
from fastmcp.exceptions import ToolError

parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int, default=8000)
parser.add_argument("--dir", type=Path, default=Path())
parser.add_argument("--ledger")
args = parser.parse_args()

db = sqlite3.connect(args.dir / "index.db", isolation_level=None, timeout=20)
db.execute(
    "CREATE TABLE IF NOT EXISTS rebuilds (id TEXT PRIMARY KEY, ordered TEXT UNIQUE, total INT, batch INT, done INT)"
)
db.execute("CREATE TABLE IF NOT EXISTS entries (rebuild TEXT, n INT, term TEXT, PRIMARY KEY (rebuild, n))")
tasks = set()


async def rebuild_all(rebuild):
    while True:
        total, batch, done = db.execute("SELECT total, batch, done FROM rebuilds WHERE id = ?", (rebuild,)).fetchone()
        if done == total:
            return
        await asyncio.sleep(0.09)
        numbers = range(done, min(done + batch, total))
        db.execute("BEGIN IMMEDIATE")
        (now,) = db.execute("SELECT done FROM rebuilds WHERE id = ?", (rebuild,)).fetchone()
        if now == done:
            if args.ledger:
                with open(args.ledger, "a") as ledger:
                    ledger.writelines(json.dumps({"task": rebuild, "record": n}) + "\n" for n in numbers)
            db.executemany("INSERT INTO entries VALUES (?, ?, ?)", [(rebuild, n, f"term{n ^ 21}") for n in numbers])
            db.execute("UPDATE rebuilds SET done = ? WHERE id = ?", (numbers.stop, rebuild))
        db.execute("COMMIT")


def run(rebuild):
    tasks.add(asyncio.create_task(rebuild_all(rebuild)))


@asynccontextmanager
async def lifespan(_):
    for (rebuild,) in db.execute("SELECT id FROM rebuilds WHERE done < total").fetchall():
        run(rebuild)
    yield


mcp = FastMCP("index", lifespan=lifespan)


@mcp.tool
async def rebuild_index(request_id: str, documents: int, batch: int) -> dict:
    ordered = f"{request_id} {documents} {batch}"
    for rebuild, total, done in db.execute("SELECT id, total, done FROM rebuilds WHERE ordered = ?", (ordered,)):
        return {"rebuild": rebuild, "status": "completed" if done == total else "running", "attached": True}
    for total, done in db.execute("SELECT total, done FROM rebuilds WHERE done < total"):
        raise ToolError(f"busy: another rebuild is at {done} of {total} documents, please try again in a second")
    rebuild = str(uuid4())
    db.execute("INSERT INTO rebuilds VALUES (?, ?, ?, ?, 0)", (rebuild, ordered, documents, batch))
    run(rebuild)
    return {"rebuild": rebuild, "status": "accepted", "attached": False}


@mcp.tool
async def rebuild_status(rebuild: str) -> dict:
    for total, done in db.execute("SELECT total, done FROM rebuilds WHERE id = ?", (rebuild,)):
        status = "completed" if done == total else "running" if done else "accepted"
        return {"rebuild": rebuild, "status": status, "indexed": done, "documents": total}
    raise ToolError(f"there is no rebuild {rebuild}")


@mcp.resource("index://{rebuild}/entries")
async def entries(rebuild: str) -> str:
    rows = db.execute("SELECT n, term FROM entries WHERE rebuild = ? ORDER BY n", (rebuild,))
    return json.dumps({"entries": [{"doc": {"n": n}, "term": term} for n, term in rows]})


if __name__ == "__main__":
    mcp.run(transport="http", port=args.port, show_banner=False, log_level="warning", json_response=True)
