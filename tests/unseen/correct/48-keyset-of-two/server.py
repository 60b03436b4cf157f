"""Copies a gate's events into an archive. Several events have the same stamp; the place is the stamp and the number.

--by-stamp: the place is the stamp of the last event that was copied.
"""

import argparse
import asyncio
import json
import sqlite3
from contextlib import asynccontextmanager

from fastmcp import FastMCP
from fastmcp.exceptions import ToolError

parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int, required=True)
parser.add_argument("--db", required=True)
parser.add_argument("--ledger", required=True)
parser.add_argument("--by-stamp", action="store_true")
args = parser.parse_args()

db = sqlite3.connect(args.db, isolation_level=None)
db.executescript("""
    PRAGMA journal_mode = WAL;
    CREATE TABLE IF NOT EXISTS copies (
        id INTEGER PRIMARY KEY, gate TEXT, pace INT, stamp INT DEFAULT -1, event INT DEFAULT -1, ended INT DEFAULT 0);
    CREATE TABLE IF NOT EXISTS events (copy INT, event INT, stamp INT, PRIMARY KEY (copy, event));
    CREATE TABLE IF NOT EXISTS archive (copy INT, event INT, stamp INT, badge TEXT);
""")
at_work = set()
SINCE = "SELECT event, stamp FROM events WHERE copy = ? AND (stamp, event) > (?, ?) ORDER BY stamp, event"


async def copy(number):
    pace, stamp, event = db.execute("SELECT pace, stamp, event FROM copies WHERE id = ?", (number,)).fetchone()
    after = (stamp, 1 << 60) if args.by_stamp else (stamp, event)
    left = db.execute(SINCE, (number, *after)).fetchall()
    for first in range(0, len(left), pace):
        batch = left[first : first + pace]
        await asyncio.sleep(0.02)
        with open(args.ledger, "a") as ledger:
            ledger.writelines(json.dumps({"task": str(number), "record": event}) + "\n" for event, _ in batch)
        db.execute("BEGIN IMMEDIATE")
        rows = [(number, event, stamp, f"{event * 7919 % 10007:05}") for event, stamp in batch]
        db.executemany("INSERT INTO archive VALUES (?, ?, ?, ?)", rows)
        db.execute("UPDATE copies SET event = ?, stamp = ? WHERE id = ?", (*batch[-1], number))
        db.execute("COMMIT")
    db.execute("UPDATE copies SET ended = 1 WHERE id = ?", (number,))


def begin(number):
    task = asyncio.create_task(copy(number))
    at_work.add(task)
    task.add_done_callback(at_work.discard)


@asynccontextmanager
async def lifespan(_):
    for (number,) in db.execute("SELECT id FROM copies WHERE NOT ended").fetchall():
        begin(number)
    yield


mcp = FastMCP("gates", lifespan=lifespan)


@mcp.tool
async def copy_events(gate: str, events: int, pace: int) -> dict:
    db.execute("BEGIN IMMEDIATE")
    number = db.execute("INSERT INTO copies (gate, pace) VALUES (?, ?)", (gate, pace)).lastrowid
    db.executemany("INSERT INTO events VALUES (?, ?, ?)", [(number, n, 1_700_000_000 + n // 4) for n in range(events)])
    db.execute("COMMIT")
    begin(number)
    return {"copy": {"id": number, "gate": gate}}


@mcp.tool
async def copy_status(id: int) -> dict:
    row = db.execute("SELECT ended FROM copies WHERE id = ?", (id,)).fetchone()
    if row is None:
        raise ToolError(f"there is no copy {id}")
    (done,) = db.execute("SELECT count(*) FROM archive WHERE copy = ?", (id,)).fetchone()
    (of,) = db.execute("SELECT count(*) FROM events WHERE copy = ?", (id,)).fetchone()
    return {"id": id, "status": "ended" if row[0] else "copying", "copied": done, "of": of}


@mcp.tool
async def archived_events(id: int) -> list[dict]:
    rows = db.execute("SELECT event, stamp, badge FROM archive WHERE copy = ? ORDER BY rowid", (id,))
    return [{"event": event, "stamp": stamp, "badge": badge} for event, stamp, badge in rows]


if __name__ == "__main__":
    mcp.run(transport="http", port=args.port, show_banner=False, log_level="warning")
