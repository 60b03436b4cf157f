"""crashtest_process_records in a server of the plain Python SDK (mcp), over streamable HTTP."""

import argparse
import asyncio
import hashlib
import json
import os
import sqlite3
from collections import defaultdict
from pathlib import Path
from typing import Any

from mcp.server import MCPServer
from mcp.server.mcpserver import Context

parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int, default=8000)
parser.add_argument("--db", default="fixture.db")
args = parser.parse_args()

mcp = MCPServer("fixture")
db = sqlite3.connect(args.db)
db.execute("CREATE TABLE IF NOT EXISTS crashtest (job TEXT, n INT, value TEXT, PRIMARY KEY (job, n))")
LEDGER = os.environ.get("CRASHTEST_LEDGER")
locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)


def work_on(job: str, n: int) -> str:
    """One record's work, and its line in the ledger."""
    if LEDGER:
        with Path(LEDGER).open("a", encoding="utf-8") as ledger:
            ledger.write(json.dumps({"task": job, "record": str(n)}) + "\n")
    return hashlib.pbkdf2_hmac("sha256", str(n).encode(), b"salt", iterations=20_000).hex()[:16]


@mcp.tool()
async def crashtest_process_records(
    total_records: int, batch_size: int, client_id: str, ctx: Context
) -> dict[str, Any]:
    """Process records in batches; called again with the same client_id, it goes on where it was."""
    job = f"{client_id}/{total_records}"
    done = 0
    while done < total_records:
        async with locks[job]:  # an earlier call may still be at work, its client gone
            [(done,)] = db.execute("SELECT count(*) FROM crashtest WHERE job = ?", (job,))
            numbers = range(done, min(done + batch_size, total_records))
            rows = [(job, n, await asyncio.to_thread(work_on, job, n)) for n in numbers]
            with db:  # a whole batch, or nothing of it
                db.executemany("INSERT INTO crashtest VALUES (?, ?, ?)", rows)
            done = numbers.stop
        await ctx.report_progress(done, total_records)
    found = db.execute("SELECT n, value FROM crashtest WHERE job = ? ORDER BY n", (job,))
    records = [{"id": n, "value": value} for n, value in found]
    return {"status": "completed", "processed": len(records), "records": records}


mcp.run(transport="streamable-http", port=args.port)
