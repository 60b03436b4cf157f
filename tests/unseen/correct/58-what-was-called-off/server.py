"""Digs channels. A dig can be held, gone on with and called off; the digger looks for that between two metres.

--goes-on: a start goes on with everything that has not ended, also with what is about to be called off.
--by-the-second: a dig is called by the second in which it was ordered.
"""

import argparse
import asyncio
import json
import sqlite3
import time
import uuid
from contextlib import asynccontextmanager

from fastmcp import FastMCP
from fastmcp.exceptions import ToolError

parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int, required=True)
parser.add_argument("--db", required=True)
parser.add_argument("--ledger", required=True)
parser.add_argument("--goes-on", action="store_true")
parser.add_argument("--by-the-second", action="store_true")
args = parser.parse_args()

db = sqlite3.connect(args.db, isolation_level=None)
db.executescript("""
    PRAGMA journal_mode = WAL;
    CREATE TABLE IF NOT EXISTS digs (id TEXT PRIMARY KEY, metres INT, shift INT, state TEXT, done INT);
    CREATE TABLE IF NOT EXISTS ground (dig TEXT, metre INT, soil TEXT);
""")
diggers = {}


async def dig_on(dig):
    while True:
        metres, shift, state, done = db.execute(
            "SELECT metres, shift, state, done FROM digs WHERE id = ?", (dig,)
        ).fetchone()
        if state == "calling-off":
            db.execute("UPDATE digs SET state = 'called-off' WHERE id = ?", (dig,))
        if state != "digging":
            return
        await asyncio.sleep(0.08)
        (state,) = db.execute("SELECT state FROM digs WHERE id = ?", (dig,)).fetchone()
        if state != "digging":
            continue
        end = min(done + shift, metres)
        with open(args.ledger, "a") as ledger:
            ledger.writelines(json.dumps({"task": dig, "record": metre}) + "\n" for metre in range(done, end))
        db.execute("BEGIN IMMEDIATE")
        rows = [(dig, metre, ["clay", "sand", "rock"][metre * 7 % 3]) for metre in range(done, end)]
        db.executemany("INSERT INTO ground VALUES (?, ?, ?)", rows)
        now = "dug" if end == metres else "digging"
        db.execute("UPDATE digs SET done = ?, state = ? WHERE id = ?", (end, now, dig))
        db.execute("COMMIT")


def begin(dig):
    if dig not in diggers or diggers[dig].done():
        diggers[dig] = asyncio.create_task(dig_on(dig))


@asynccontextmanager
async def lifespan(_):
    if args.goes_on:
        db.execute("UPDATE digs SET state = 'digging' WHERE state NOT IN ('dug', 'held', 'called-off')")
    for (dig,) in db.execute("SELECT id FROM digs WHERE state IN ('digging', 'calling-off')").fetchall():
        begin(dig)
    yield


mcp = FastMCP("digs", lifespan=lifespan)


def known(dig):
    row = db.execute("SELECT id, state, done, metres FROM digs WHERE id = ?", (dig,)).fetchone()
    if row is None:
        raise ToolError(f"nobody digs {dig}")
    return dict(zip(("dig", "state", "metres", "of"), row, strict=True))


@mcp.tool
async def dig_channel(place: str, metres: int, shift: int) -> dict:
    dig = f"dig-{time.strftime('%Y%m%d%H%M%S')}" if args.by_the_second else f"dig-{uuid.uuid4().hex[:14]}"
    db.execute("INSERT OR REPLACE INTO digs VALUES (?, ?, ?, 'digging', 0)", (dig, metres, shift))
    begin(dig)
    return {"dig": dig}


@mcp.tool
async def dig_state(dig: str) -> dict:
    return known(dig)


@mcp.tool
async def list_digs() -> dict:
    return {"digs": [known(dig) for (dig,) in db.execute("SELECT id FROM digs ORDER BY rowid").fetchall()]}


@mcp.tool
async def hold(dig: str) -> dict:
    known(dig)
    db.execute("UPDATE digs SET state = 'held' WHERE id = ? AND state = 'digging'", (dig,))
    return known(dig)


@mcp.tool
async def go_on(dig: str) -> dict:
    known(dig)
    if db.execute("UPDATE digs SET state = 'digging' WHERE id = ? AND state = 'held'", (dig,)).rowcount:
        begin(dig)
    return known(dig)


@mcp.tool
async def call_off(dig: str) -> dict:
    known(dig)
    db.execute("UPDATE digs SET state = 'calling-off' WHERE id = ? AND state = 'digging'", (dig,))
    db.execute("UPDATE digs SET state = 'called-off' WHERE id = ? AND state = 'held'", (dig,))
    return {"dig": dig, "accepted": True}


@mcp.tool
async def ground_of(dig: str) -> dict:
    rows = db.execute("SELECT metre, soil FROM ground WHERE dig = ? ORDER BY rowid", (dig,)).fetchall()
    return {"ground": [{"metre": metre, "soil": soil} for metre, soil in rows]}


if __name__ == "__main__":
    mcp.run(transport="http", port=args.port, show_banner=False, log_level="error")
