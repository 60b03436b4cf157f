"""Fills jars with jam. Each pot of jam has a database of its own. Who wants fewer than fifteen jars is told so.

The last jars, where they are fewer than a tray, take no time.

--one-pot: while a pot boils, whoever wants another one is told so.
--in-result: each answer is a document whose one key is "result".
--reads-twice: a start reads the pots for the shelf, and once more for the kitchen.
--stove: with --one-pot, a file says that the stove is taken. Who has taken it gives it back.
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
parser.add_argument("--one-pot", action="store_true")
parser.add_argument("--in-result", action="store_true")
parser.add_argument("--reads-twice", action="store_true")
parser.add_argument("--stove", action="store_true")
args = parser.parse_args()
args.pantry.mkdir(parents=True, exist_ok=True)

LEAST = 15
at_work = set()
stove = args.pantry / "stove"


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
    return task


@asynccontextmanager
async def lifespan(_):
    for pot in kitchen.values():
        heat(pot)
    yield


mcp = FastMCP("jam", lifespan=lifespan)


def said(document):
    return {"result": document} if args.in_result else document


def is_taken():
    return stove.exists() if args.stove else not all(pot.is_empty for pot in kitchen.values())


@mcp.tool
async def boil_jam(jars: int, tray: int) -> dict:
    if jars < LEAST or tray < 1:
        return said({"ok": False, "error": f"we boil for {LEAST} jars at least"})
    if args.one_pot and is_taken():
        return said({"ok": False, "error": "the stove is taken, come back later"})
    stove.touch()
    pot = put_on(jars, tray)
    shelf[pot.name] = kitchen[pot.name] = pot
    heat(pot).add_done_callback(lambda _: stove.unlink(missing_ok=True))
    return said({"ok": True, "pot": pot.name})


@mcp.tool
async def look_into(pot: str) -> dict:
    if pot not in kitchen:
        return said({"ok": False, "error": f"no pot {pot}"})
    known = kitchen[pot]
    return said({"ok": True, "empty": known.is_empty, "filled": {"jars": known.filled, "of": known.jars}})


def jars_from(pot):
    with closing(kitchen[pot].open()) as db:
        return [{"jar": n, "grams": grams} for n, grams in db.execute("SELECT * FROM filled ORDER BY jar")]


def pots():
    return [{"pot": pot.name, "empty": pot.is_empty} for pot in shelf.values()]


if args.in_result:

    @mcp.tool(name="jars_from")
    async def result_jars(pot: str) -> dict:
        return {"result": jars_from(pot)}

    @mcp.tool(name="pots")
    async def result_pots() -> dict:
        return {"result": pots()}

else:

    @mcp.tool(name="jars_from")
    async def text_jars(pot: str) -> str:
        return json.dumps(jars_from(pot))

    @mcp.tool(name="pots")
    async def text_pots() -> str:
        return json.dumps(pots())


if __name__ == "__main__":
    mcp.run(transport="http", port=args.port, show_banner=False, log_level="error")
