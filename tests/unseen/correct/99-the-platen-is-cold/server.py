"""Prints sheets, a pull at a time: one template for all plates, by shop and plate. SQLite with a rollback journal.

The platen is cold for 1.3 s behind each start, the first one too: whoever asks is told E_PLATEN_COLD, an error of
ours. What a plate looks like is kept as a copy, beside the number of the change that it shows.

--opens-warm: where nobody has ever set a plate, the platen is warm at once.
--counts-changes-in-memory: changes are counted since the start. A copy is good as long as its number is not a smaller
one.
"""

import argparse
import asyncio
import json
import sqlite3
import time
from collections import Counter
from contextlib import asynccontextmanager
from uuid import uuid4

from fastmcp import FastMCP
from fastmcp.exceptions import ToolError
from mcp.shared.exceptions import MCPError

parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int, required=True)
parser.add_argument("--db", required=True)
parser.add_argument("--ledger")
parser.add_argument("--opens-warm", action="store_true")
parser.add_argument("--counts-changes-in-memory", action="store_true")
args = parser.parse_args()

presses, since_start = set(), Counter()

db = sqlite3.connect(args.db, isolation_level=None)
db.execute("PRAGMA synchronous = FULL")
db.executescript("""
    CREATE TABLE IF NOT EXISTS plates (shop TEXT, plate TEXT, sheets INT, pull INT, printed INT DEFAULT 0,
        change INT DEFAULT 0, PRIMARY KEY (shop, plate));
    CREATE TABLE IF NOT EXISTS prints (shop TEXT, plate TEXT, sheet INT, ink INT);
    CREATE TABLE IF NOT EXISTS copies (shop TEXT, plate TEXT, change INT, document TEXT, PRIMARY KEY (shop, plate));
""")
opens = args.opens_warm and not db.execute("SELECT * FROM plates LIMIT 1").fetchone()
WARM_AT = time.monotonic() + (0 if opens else 1.3)


async def press(shop, plate):
    key = (shop, plate)
    sheets, pull, printed = db.execute(
        "SELECT sheets, pull, printed FROM plates WHERE shop = ? AND plate = ?", key
    ).fetchone()
    await asyncio.sleep(max(0, WARM_AT - time.monotonic()))
    while printed < sheets:
        await asyncio.sleep(0.055)
        numbers = range(printed, min(printed + pull, sheets))
        if args.ledger:
            with open(args.ledger, "a") as ledger:
                ledger.write("".join(json.dumps({"task": plate, "record": n}) + "\n" for n in numbers))
        printed = numbers.stop
        db.execute("BEGIN IMMEDIATE")
        db.executemany("INSERT INTO prints VALUES (?, ?, ?, ?)", [(*key, n, 40 + n * 29 % 53) for n in numbers])
        db.execute("UPDATE plates SET printed = ?, change = change + 1 WHERE shop = ? AND plate = ?", (printed, *key))
        db.execute("COMMIT")
        since_start[key] += 1


def set_going(shop, plate):
    task = asyncio.create_task(press(shop, plate))
    presses.add(task)
    task.add_done_callback(presses.discard)


@asynccontextmanager
async def lifespan(_):
    for key in db.execute("SELECT shop, plate FROM plates WHERE printed < sheets").fetchall():
        set_going(*key)
    yield


mcp = FastMCP("letterpress", lifespan=lifespan)


def rollers():
    """How many of the five are warm."""
    return min(5, int(5 - (WARM_AT - time.monotonic()) / 0.26))


def plate_of(shop, plate):
    if rollers() < 5:
        raise MCPError(code=-31007, message="E_PLATEN_COLD", data={"hint": f"E2/{rollers()}", "rollers": rollers()})
    found = db.execute(
        "SELECT sheets, printed, change FROM plates WHERE shop = ? AND plate = ?", (shop, plate)
    ).fetchone()
    if found is None:
        raise MCPError(code=-32602, message=f"{shop} has no plate {plate}")
    return found


@mcp.tool
async def set_plate(shop: str, sheets: int, pull: int) -> dict:
    """Print so many sheets from a new plate of this shop, a pull at a time."""
    if rollers() < 5:
        raise ToolError("E_PLATEN_COLD")
    plate = uuid4().hex[:10]
    db.execute("INSERT INTO plates (shop, plate, sheets, pull) VALUES (?, ?, ?, ?)", (shop, plate, sheets, pull))
    set_going(shop, plate)
    return {"shop": shop, "plate": {"no": plate, "at": f"press://shops/{shop}/plates/{plate}"}}


@mcp.resource("press://shops/{shop}/plates/{plate}", mime_type="application/json")
async def look(shop: str, plate: str) -> str:
    sheets, printed, change = plate_of(shop, plate)
    if args.counts_changes_in_memory:
        change = since_start[shop, plate]
    kept = db.execute(
        "SELECT document FROM copies WHERE shop = ? AND plate = ? AND change >= ?", (shop, plate, change)
    ).fetchone()
    if kept:
        return kept[0]
    document = json.dumps(
        {"plate": plate, "is": "dry" if printed == sheets else "on the press", "printed": printed, "sheets": sheets}
    )
    db.execute("INSERT OR REPLACE INTO copies VALUES (?, ?, ?, ?)", (shop, plate, change, document))
    return document


@mcp.resource("press://shops/{shop}/plates/{plate}/prints", mime_type="application/json")
async def prints(shop: str, plate: str) -> dict:
    plate_of(shop, plate)
    rows = db.execute("SELECT sheet, ink FROM prints WHERE shop = ? AND plate = ? ORDER BY sheet", (shop, plate))
    return {"prints": [{"sheet": sheet, "ink": ink} for sheet, ink in rows]}


if __name__ == "__main__":
    mcp.run(transport="http", port=args.port, show_banner=False, log_level="error")
