"""Fills jars with jam. Each pot of jam has a database of its own. Who wants fewer than fifteen jars is told so.

The last jars, where they are fewer than a tray, take no time.

--reads-twice: a start reads the pots for the shelf, and once more for the kitchen.
"""

import argparse
import asyncio
import json
import secrets
import sqlite3
from contextlib import asynccontextmanager, closing
from pathlib import Path

from fastmcp import FastMCP

parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int, required=True)
parser.add_argument("--pantry", type=Path, required=True)
parser.add_argument("--ledger")
parser.add_argument("--reads-twice", action="store_true")
args = parser.parse_args()
args.pantry.mkdir(parents=True, exist_ok=True)

LEAST = 15
at_work = set()


class Pot:
    def __init__(self, path):
        self.path, self.name = path, path.stem
        with closing(self.open()) as db:
            self.jars, self.tray = db.execute("SELECT jars, tray FROM pot").fetchone()
            (self.filled,) = db.execute("SELECT count(*) FROM filled").fetchone()

    def open(self):
        return sqlite3.connect(self.path, timeout=20)

    @property
    def is_empty(self):
        return self.filled == self.jars

    async def fill(self):
        while not self.is_empty:
            numbers = range(self.filled, min(self.filled + self.tray, self.jars))
            if len(numbers) == self.tray:
                await asyncio.sleep(0.06)
            if args.ledger:
                with open(args.ledger, "a") as ledger:
                    ledger.write("".join(json.dumps({"task": self.name, "record": n}) + "\n" for n in numbers))
            with closing(self.open()) as db, db:
                db.executemany("INSERT INTO filled VALUES (?, ?)", [(n, 200 + n * 31 % 17) for n in numbers])
            self.filled = numbers.stop


def put_on(jars, tray):
    name = f"pot{secrets.randbelow(10**9):09d}"
    path = args.pantry / f"{name}.new"
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("CREATE TABLE pot (jars INT, tray INT)")
        db.execute("CREATE TABLE filled (jar INTEGER PRIMARY KEY, grams INT)")
        db.execute("INSERT INTO pot VALUES (?, ?)", (jars, tray))
    return Pot(path.rename(path.with_suffix(".pot")))


def read_pots():
    return {path.stem: Pot(path) for path in sorted(args.pantry.glob("*.pot"))}


shelf = read_pots()
kitchen = read_pots() if args.reads_twice else shelf


def heat(pot):
    task = asyncio.create_task(pot.fill())
    at_work.add(task)
    task.add_done_callback(at_work.discard)


@asynccontextmanager
async def lifespan(_):
    for pot in kitchen.values():
        heat(pot)
    yield


mcp = FastMCP("jam", lifespan=lifespan)


@mcp.tool
async def boil_jam(jars: int, tray: int) -> dict:
    if jars < LEAST or tray < 1:
        return {"ok": False, "error": f"we boil for {LEAST} jars at least"}
    pot = put_on(jars, tray)
    shelf[pot.name] = kitchen[pot.name] = pot
    heat(pot)
    return {"ok": True, "pot": pot.name}


@mcp.tool
async def look_into(pot: str) -> dict:
    if pot not in kitchen:
        return {"ok": False, "error": f"no pot {pot}"}
    known = kitchen[pot]
    return {"ok": True, "empty": known.is_empty, "filled": {"jars": known.filled, "of": known.jars}}


@mcp.tool
async def jars_from(pot: str) -> str:
    with closing(kitchen[pot].open()) as db:
        return json.dumps([{"jar": n, "grams": grams} for n, grams in db.execute("SELECT * FROM filled ORDER BY jar")])


@mcp.tool
async def pots() -> str:
    return json.dumps([{"pot": pot.name, "empty": pot.is_empty} for pot in shelf.values()])


if __name__ == "__main__":
    mcp.run(transport="http", port=args.port, show_banner=False, log_level="error")
