"""Synchronises a price list. Each record is an upsert of its own; what follows the checkpoint is simply done again."""

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
parser.add_argument("--ledger")
args = parser.parse_args()


def connect():
    db = sqlite3.connect(args.dir / "prices.sqlite", isolation_level=None, timeout=20)
    db.execute("PRAGMA journal_mode = DELETE")
    db.execute("PRAGMA synchronous = NORMAL")
    return db


def synchronise(sync):
    db = connect()
    total, batch, done = db.execute("SELECT total, batch, done FROM syncs WHERE id = ?", (sync,)).fetchone()
    while done < total:
        for n in range(done, min(done + batch, total)):
            time.sleep(0.004)
            if args.ledger:
                with open(args.ledger, "a") as ledger:
                    ledger.write(json.dumps({"task": sync, "record": f"sku-{n}"}) + "\n")
            db.execute(
                "INSERT INTO prices VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET cents = excluded.cents",
                (sync, f"sku-{n}", 99 + n * n % 1000),
            )
        done = min(done + batch, total)
        db.execute("UPDATE syncs SET done = max(done, ?) WHERE id = ?", (done, sync))
    db.close()


def begin(sync):
    threading.Thread(target=synchronise, args=(sync,), daemon=True).start()


mcp = FastMCP("prices")


@mcp.tool
def sync_prices(articles: int, per_batch: int) -> str:
    sync = uuid4().hex[:16]
    db = connect()
    db.execute("INSERT INTO syncs VALUES (?, ?, ?, 0)", (sync, articles, per_batch))
    db.close()
    begin(sync)
    return f"sync://{sync}/state"


@mcp.resource("sync://{sync}/state")
def state(sync: str) -> dict:
    db = connect()
    row = db.execute("SELECT total, done FROM syncs WHERE id = ?", (sync,)).fetchone()
    db.close()
    if row is None:
        return {"error": "unknown sync"}
    total, done = row
    return {"sync": sync, "status": "complete" if done == total else "active", "synced": done, "articles": total}


@mcp.resource("sync://{sync}/prices")
def prices(sync: str) -> str:
    db = connect()
    rows = db.execute("SELECT sku, cents FROM prices WHERE sync = ? ORDER BY length(sku), sku", (sync,)).fetchall()
    db.close()
    return json.dumps([{"sku": sku, "cents": cents} for sku, cents in rows])


if __name__ == "__main__":
    database = connect()
    database.execute("CREATE TABLE IF NOT EXISTS syncs (id TEXT PRIMARY KEY, total INT, batch INT, done INT)")
    database.execute("CREATE TABLE IF NOT EXISTS prices (sync TEXT, sku TEXT, cents INT, PRIMARY KEY (sync, sku))")
    for (unfinished,) in database.execute("SELECT id FROM syncs WHERE done < total").fetchall():
        begin(unfinished)
    database.close()
    mcp.run(transport="http", port=args.port, show_banner=False, log_level="warning")
