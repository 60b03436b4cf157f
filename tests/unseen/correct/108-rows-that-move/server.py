"""Moves the bookings of a legacy table into a ledger: start_migration, migration_status.

A row is in the one table or in the other: what is left in the first is what is to be done. Beside the rows stand the
accounts, with a running balance that each moved row has a copy of; all of it is one transaction a batch.

--totals-later: the accounts are brought up to date in a transaction of their own, when the batch has been moved.
"""

import argparse
import asyncio
import fcntl
import sqlite3
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

from fastmcp import FastMCP
from fastmcp.exceptions import ToolError

parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int, required=True)
parser.add_argument("--db", type=Path, required=True)
parser.add_argument("--totals-later", action="store_true")
args = parser.parse_args()

SCHEMA = """
    CREATE TABLE IF NOT EXISTS migrations (id TEXT PRIMARY KEY, batch INTEGER, finished INTEGER DEFAULT 0);
    CREATE TABLE IF NOT EXISTS legacy_bookings (migration TEXT, booking INTEGER, account TEXT, amount TEXT,
        PRIMARY KEY (migration, booking));
    CREATE TABLE IF NOT EXISTS bookings (migration TEXT, booking INTEGER, account TEXT, cents INTEGER, balance INTEGER,
        PRIMARY KEY (migration, booking));
    CREATE TABLE IF NOT EXISTS accounts (migration TEXT, account TEXT, bookings INTEGER, balance INTEGER,
        PRIMARY KEY (migration, account));
"""
ADD = """
    INSERT INTO accounts VALUES (?1, ?2, 1, ?3) ON CONFLICT (migration, account)
    DO UPDATE SET bookings = bookings + 1, balance = balance + excluded.balance
"""
db = sqlite3.connect(args.db, timeout=10, isolation_level=None)
lock = args.db.with_suffix(".lock").open("w")  # held until the process ends
running = set()


def transform(amount):
    """'1.234,50-' is minus 123450 cents, as the old system has printed it."""
    cents = int(amount.rstrip("-").replace(".", "").replace(",", ""))
    return -cents if amount.endswith("-") else cents


def move(migration, rows):
    balances = dict(db.execute("SELECT account, balance FROM accounts WHERE migration = ?", (migration,)))
    for booking, account, amount in rows:
        balances[account] = balances.get(account, 0) + transform(amount)
        moved = (migration, booking, account, transform(amount), balances[account])
        db.execute("INSERT INTO bookings VALUES (?, ?, ?, ?, ?)", moved)
        db.execute("DELETE FROM legacy_bookings WHERE migration = ? AND booking = ?", (migration, booking))


def add_up(migration, rows):
    db.executemany(ADD, [(migration, account, transform(amount)) for _, account, amount in rows])


async def migrate(migration):
    (batch,) = db.execute("SELECT batch FROM migrations WHERE id = ?", (migration,)).fetchone()
    query = "SELECT booking, account, amount FROM legacy_bookings WHERE migration = ? ORDER BY booking LIMIT ?"
    while rows := db.execute(query, (migration, batch)).fetchall():
        await asyncio.sleep(0.035)
        db.execute("BEGIN IMMEDIATE")
        move(migration, rows)
        if args.totals_later:
            db.execute("COMMIT")
            await asyncio.sleep(0.01)
            db.execute("BEGIN IMMEDIATE")
        add_up(migration, rows)
        db.execute("COMMIT")
    db.execute("UPDATE migrations SET finished = 1 WHERE id = ?", (migration,))


def begin(migration):
    task = asyncio.create_task(migrate(migration))
    running.add(task)
    task.add_done_callback(running.discard)


@asynccontextmanager
async def lifespan(_):
    await asyncio.to_thread(fcntl.flock, lock, fcntl.LOCK_EX)
    db.executescript(SCHEMA)
    for (migration,) in db.execute("SELECT id FROM migrations WHERE NOT finished").fetchall():
        begin(migration)
    yield


mcp = FastMCP("ledger-migration", lifespan=lifespan)


@mcp.tool
async def start_migration(bookings: int, batch: int = 100) -> dict:
    """Fills a legacy table with bookings, and moves them into the new ledger in the background."""
    migration = f"mig_{uuid4().hex[:8]}"
    db.execute("BEGIN IMMEDIATE")
    db.execute("INSERT INTO migrations (id, batch) VALUES (?, ?)", (migration, batch))
    for booking in range(1, bookings + 1):
        amount = f"{booking % 3}.{booking * 271 % 1000:03},{booking % 100:02}" + "-" * (booking % 4 == 0)
        row = (migration, booking, f"acct-{booking * 7 % 5}", amount)
        db.execute("INSERT INTO legacy_bookings VALUES (?, ?, ?, ?)", row)
    db.execute("COMMIT")
    begin(migration)
    return {"migration": {"id": migration, "state": "migrating"}}


@mcp.tool
async def migration_status(migration: str) -> dict:
    found = db.execute("SELECT finished FROM migrations WHERE id = ?", (migration,)).fetchone()
    if found is None:
        raise ToolError(f"no migration {migration}")
    legacy = "SELECT count(*) FROM legacy_bookings WHERE migration = ?1"
    count = f"SELECT ({legacy}), count(*) FROM bookings WHERE migration = ?1"
    left, moved = db.execute(count, (migration,)).fetchone()
    totals = "SELECT account, bookings, balance FROM accounts WHERE migration = ? ORDER BY account"
    accounts = [
        dict(zip(("account", "bookings", "balance"), row, strict=True)) for row in db.execute(totals, (migration,))
    ]
    return {
        "state": "migrated" if found[0] else "migrating",
        "rows": {"moved": moved, "left": left, "all": moved + left},
        "booked": sum(account["bookings"] for account in accounts),
        "accounts": accounts,
    }


if __name__ == "__main__":
    mcp.run(transport="http", port=args.port, show_banner=False, log_level="warning")
