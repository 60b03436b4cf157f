"""A server of the Python SDK alone: one blocking tool, which keeps each batch in SQLite and goes on behind the last."""

import argparse
import hashlib
import json
import sqlite3
from pathlib import Path
from typing import Any

import anyio
from mcp.server.mcpserver import Context, MCPServer

parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int, default=8000)
parser.add_argument("--db", default="keys.db")
parser.add_argument("--ledger", type=Path, help="a line for each key that was stretched goes here")
args = parser.parse_args()

db = sqlite3.connect(args.db, check_same_thread=False)
db.execute("CREATE TABLE IF NOT EXISTS keys (job TEXT, n INT, key TEXT, PRIMARY KEY (job, n))")
mcp = MCPServer("Key stretcher", log_level="WARNING")
at_work: dict[str, anyio.Lock] = {}  # a client that calls again while its first call is still under way waits for it


def stretch(job: str, n: int) -> str:
    if args.ledger:
        with args.ledger.open("a") as ledger:
            ledger.write(json.dumps({"task": job, "record": n}) + "\n")
    return hashlib.pbkdf2_hmac("sha256", str(n).encode(), b"salt", iterations=5_000).hex()


@mcp.tool()
async def stretch_keys(job: str, total: int, batch: int, ctx: Context[Any, Any]) -> dict[str, Any]:
    """Stretch the keys 0 to total - 1; called again with the same job, it continues."""
    async with at_work.setdefault(job, anyio.Lock()):
        (done,) = db.execute("SELECT count(*) FROM keys WHERE job = ?", (job,)).fetchone()
        for first in range(done, total, batch):
            rows = [(job, n, stretch(job, n)) for n in range(first, min(first + batch, total))]
            with db:
                db.executemany("INSERT INTO keys VALUES (?, ?, ?)", rows)
            await ctx.report_progress(first + len(rows), total)
            await anyio.sleep(0.05)
    keys = db.execute("SELECT n, key FROM keys WHERE job = ? ORDER BY n", (job,))
    return {"count": total, "keys": [{"n": n, "key": key} for n, key in keys]}


mcp.run("streamable-http", port=args.port)
