"""Registers parcels of land. A registration has a number in braces, as Windows writes them; when all plots are entered
they are checked, which takes a while, and then it is in force.

--enters-only: a start goes on with what is being entered.
"""

import argparse
import asyncio
import json
import sqlite3
import uuid
from contextlib import asynccontextmanager

from fastmcp import FastMCP
from fastmcp.exceptions import ToolError

parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int, required=True)
parser.add_argument("--db", required=True)
parser.add_argument("--ledger")
parser.add_argument("--enters-only", action="store_true")
args = parser.parse_args()

db = sqlite3.connect(args.db, isolation_level=None)
db.executescript("""
    PRAGMA journal_mode = TRUNCATE;
    CREATE TABLE IF NOT EXISTS registrations (number TEXT PRIMARY KEY, plots INT, sheet INT, state TEXT);
    CREATE TABLE IF NOT EXISTS plots (number TEXT, plot INT, area TEXT, UNIQUE (number, plot));
""")
clerks = {}


def entered(number):
    return db.execute("SELECT count(*) FROM plots WHERE number = ?", (number,)).fetchone()[0]


def state_of(number):
    row = db.execute("SELECT state FROM registrations WHERE number = ?", (number,)).fetchone()
    if row is None:
        raise ToolError(f"no registration {number}")
    return row[0]


def move(number, before, after):
    return db.execute(
        "UPDATE registrations SET state = ? WHERE number = ? AND state = ?", (after, number, before)
    ).rowcount


async def enter(number):
    of, sheet = db.execute("SELECT plots, sheet FROM registrations WHERE number = ?", (number,)).fetchone()
    while state_of(number) == "entering":
        await asyncio.sleep(0.045)
        if state_of(number) != "entering":
            return
        done = entered(number)
        plots = range(done, min(done + sheet, of))
        if args.ledger:
            with open(args.ledger, "a") as ledger:
                ledger.writelines(json.dumps({"task": number, "record": f"{n}/a"}) + "\n" for n in plots)
        db.execute("BEGIN IMMEDIATE")
        db.executemany(
            "INSERT INTO plots VALUES (?, ?, ?)", [(number, n, f"{n * 97 % 1013 / 8:.3f} ha") for n in plots]
        )
        if plots.stop == of:
            move(number, "entering", "checking")
        db.execute("COMMIT")
    if state_of(number) == "checking":
        await asyncio.sleep(0.3)
        move(number, "checking", "in force")


def begin(number):
    before = clerks.get(number)

    async def work():
        if before is not None:
            await before
        await enter(number)

    clerks[number] = asyncio.create_task(work())


@asynccontextmanager
async def lifespan(_):
    states = "('entering')" if args.enters_only else "('entering', 'checking')"
    for (number,) in db.execute(f"SELECT number FROM registrations WHERE state IN {states}").fetchall():
        begin(number)
    yield


mcp = FastMCP("land", lifespan=lifespan)


def shown(number):
    of = db.execute("SELECT plots FROM registrations WHERE number = ?", (number,)).fetchone()
    return {"number": number, "state": state_of(number), "plots": {"entered": entered(number), "of": of[0]}}


@mcp.tool
async def register(plots: int, sheet: int) -> str:
    number = "{" + str(uuid.uuid4()).upper() + "}"
    db.execute("INSERT INTO registrations VALUES (?, ?, ?, 'entering')", (number, plots, sheet))
    begin(number)
    return json.dumps({"registration": {"number": number}})


@mcp.tool
async def registration(number: str) -> dict:
    state_of(number)
    return shown(number)


@mcp.tool
async def withdraw(number: str) -> dict:
    if not (move(number, "entering", "withdrawn") or move(number, "checking", "withdrawn")):
        raise ToolError(f"{number} is {state_of(number)}")
    return shown(number)


@mcp.tool
async def adjourn(number: str) -> dict:
    if not move(number, "entering", "adjourned"):
        raise ToolError(f"{number} is {state_of(number)}")
    return shown(number)


@mcp.tool
async def take_up(number: str) -> dict:
    if not move(number, "adjourned", "entering"):
        raise ToolError(f"{number} is {state_of(number)}")
    begin(number)
    return shown(number)


@mcp.tool
async def registrations() -> dict:
    return {"all": [shown(n) for (n,) in db.execute("SELECT number FROM registrations ORDER BY rowid DESC").fetchall()]}


@mcp.tool
async def plots_of(number: str, page: int = 1) -> dict:
    state_of(number)
    rows = db.execute(
        "SELECT plot, area FROM plots WHERE number = ? ORDER BY plot LIMIT 31 OFFSET ?", (number, 30 * (page - 1))
    ).fetchall()
    plots = [{"plot": {"no": f"{n}/a"}, "area": area} for n, area in rows[:30]]
    return {"plots": plots, "page": {"next": page + 1 if len(rows) > 30 else None}}


if __name__ == "__main__":
    mcp.run(transport="http", port=args.port, show_banner=False, log_level="error")
