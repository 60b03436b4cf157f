"""Deduplicates addresses in one blocking call; reports how many it did, and counts from where it took over."""

import argparse
import asyncio
import json
import sqlite3
import threading
import time
from pathlib import Path

from fastmcp import Context, FastMCP

parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int, default=8000)
parser.add_argument("--dir", type=Path, default=Path())
parser.add_argument("--ledger", type=Path)
args = parser.parse_args()
mcp = FastMCP("addresses")
locks = {}


def connect():
    db = sqlite3.connect(args.dir / "addresses.db", timeout=10)
    db.execute("PRAGMA journal_mode=WAL")
    db.execute("CREATE TABLE IF NOT EXISTS addresses (client TEXT, n INT, street TEXT, PRIMARY KEY (client, n))")
    return db


def note(client, numbers):
    if args.ledger:
        with args.ledger.open("a") as file:
            file.writelines(json.dumps({"task": client, "record": n}) + "\n" for n in numbers)


def work(client, total, batch, tell):
    with locks.setdefault(client, threading.Lock()):
        db = connect()
        (done,) = db.execute("SELECT count(*) FROM addresses WHERE client = ?", (client,)).fetchone()
        processed = 0
        while done < total:
            time.sleep(0.05)
            numbers = range(done, min(done + batch, total))
            note(client, numbers)
            with db:
                rows = [(client, n, f"Street {n}") for n in numbers]
                db.executemany("INSERT INTO addresses VALUES (?, ?, ?)", rows)
            done = numbers.stop
            processed += len(numbers)
            tell(done)
        db.close()
        return processed


@mcp.tool
async def deduplicate(client: str, total: int, batch: int, context: Context) -> dict:
    loop = asyncio.get_running_loop()

    def tell(done):
        asyncio.run_coroutine_threadsafe(context.report_progress(done, total), loop)

    processed = await asyncio.to_thread(work, client, total, batch, tell)
    return {"client": client, "status": "ok", "processed": processed}


@mcp.resource("addresses://{client}")
def addresses(client: str) -> str:
    db = connect()
    found = db.execute("SELECT n, street FROM addresses WHERE client = ? ORDER BY n", (client,)).fetchall()
    db.close()
    return json.dumps([{"n": n, "street": street} for n, street in found])


mcp.run(transport="http", port=args.port, show_banner=False)
