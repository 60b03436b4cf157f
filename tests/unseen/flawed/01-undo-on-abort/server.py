"""Imports contacts in one blocking call. A call that is cancelled takes back what it believes to be half a batch."""

import argparse
import asyncio
import json
import sqlite3
from pathlib import Path

from fastmcp import Context, FastMCP

parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int, default=8000)
parser.add_argument("--dir", type=Path, default=Path())
parser.add_argument("--ledger", type=Path)
args = parser.parse_args()

db = sqlite3.connect(args.dir / "contacts.db")
db.execute("PRAGMA journal_mode=WAL")
db.execute("CREATE TABLE IF NOT EXISTS cursors (client TEXT PRIMARY KEY, done INT)")
db.execute("CREATE TABLE IF NOT EXISTS contacts (client TEXT, n INT, mail TEXT, PRIMARY KEY (client, n))")
locks = {}
mcp = FastMCP("contacts")


def note(client, numbers):
    if args.ledger:
        with args.ledger.open("a") as file:
            file.writelines(json.dumps({"task": client, "record": n}) + "\n" for n in numbers)


@mcp.tool
async def import_contacts(client: str, total: int, batch: int, context: Context) -> dict:
    async with locks.setdefault(client, asyncio.Lock()):
        row = db.execute("SELECT done FROM cursors WHERE client = ?", (client,)).fetchone()
        done = row[0] if row else 0
        try:
            while done < total:
                await asyncio.sleep(0.01)  # the mail provider answers
                numbers = range(done, min(done + batch, total))
                note(client, numbers)
                with db:
                    rows = [(client, n, f"{n}@example.org") for n in numbers]
                    db.executemany("INSERT INTO contacts VALUES (?, ?, ?)", rows)
                    db.execute("INSERT OR REPLACE INTO cursors VALUES (?, ?)", (client, numbers.stop))
                await context.report_progress(numbers.stop, total)
                await asyncio.sleep(0.05)  # its rate limit
                done = numbers.stop
        except asyncio.CancelledError:
            # Nobody waits for us any more: leave no half of a batch behind.
            with db:
                db.execute("DELETE FROM contacts WHERE client = ? AND n >= ?", (client, done))
            raise
        return {"client": client, "imported": done}


@mcp.resource("contacts://{client}")
async def contacts(client: str) -> str:
    found = db.execute("SELECT n, mail FROM contacts WHERE client = ? ORDER BY n", (client,))
    return json.dumps([{"n": n, "mail": mail} for n, mail in found])


mcp.run(transport="http", port=args.port, show_banner=False)
