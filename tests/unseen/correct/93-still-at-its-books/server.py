"""Fills combs with honey. A start reads the books, a line at a time, and says to everybody that it is still at them.

--silent: until it has read them it has the door open, and says nothing to anybody.
--takes-early: who brings a new hive is served at once, while the books are still being read.
"""

import argparse
import asyncio
import json
import os
import socket
from contextlib import asynccontextmanager
from pathlib import Path

import uvicorn
from fastmcp import FastMCP
from fastmcp.exceptions import ToolError

parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int, required=True)
parser.add_argument("--books", type=Path, required=True)
parser.add_argument("--ledger")
parser.add_argument("--silent", action="store_true")
parser.add_argument("--takes-early", action="store_true")
args = parser.parse_args()
args.books.parent.mkdir(parents=True, exist_ok=True)

A_LINE_TAKES = 0.13
hives, at_work = {}, set()
read = {"lines": 0, "of": 0}


def note(line):
    with args.books.open("a") as books:
        books.write(json.dumps(line) + "\n")
        books.flush()
        os.fsync(books.fileno())


def enter(line):
    if "comb" in line:
        hives[line["hive"]] = {"cells": line["cells"], "comb": line["comb"], "full": 0}
    else:
        hives[line["hive"]]["full"] = line["full"]


async def fill(name):
    hive = hives[name]
    while hive["full"] < hive["cells"]:
        await asyncio.sleep(0.07)
        end = min(hive["full"] + hive["comb"], hive["cells"])
        if args.ledger:
            with open(args.ledger, "a") as ledger:
                ledger.write("".join(json.dumps({"task": name, "record": n}) + "\n" for n in range(hive["full"], end)))
        note({"hive": name, "full": end})
        hive["full"] = end


def swarm(name):
    task = asyncio.create_task(fill(name))
    at_work.add(task)
    task.add_done_callback(at_work.discard)


async def read_the_books():
    written = args.books.read_bytes() if args.books.exists() else b""
    whole = written[: written.rfind(b"\n") + 1]
    if whole != written:
        os.truncate(args.books, len(whole))
    lines = whole.splitlines()
    read["of"] = len(lines)
    for line in lines:
        await asyncio.sleep(A_LINE_TAKES)
        enter(json.loads(line))
        read["lines"] += 1
    for name, hive in hives.items():
        if hive["full"] < hive["cells"]:
            swarm(name)


@asynccontextmanager
async def lifespan(_):
    reading = asyncio.create_task(read_the_books())
    if args.silent:
        await reading
    else:
        await asyncio.sleep(0)
    yield
    reading.cancel()


mcp = FastMCP("honey", lifespan=lifespan)


def at_its_books():
    if read["lines"] < read["of"]:
        raise ToolError(f"still reading the books, line {read['lines']} of {read['of']}; please come back in a second")


def known(hive):
    at_its_books()
    if hive not in hives:
        raise ToolError(f"no hive {hive}")
    return hives[hive]


@mcp.tool
async def set_up_hive(cells: int, comb: int) -> dict:
    """Have a hive fill so many cells, a comb at a time."""
    if not args.takes_early:
        at_its_books()
    name = f"hive-{len(hives) + 1}"
    line = {"hive": name, "cells": cells, "comb": comb}
    note(line)
    enter(line)
    swarm(name)
    return {"hive": name}


@mcp.tool
async def lift_the_lid(hive: str) -> dict:
    """How far a hive is."""
    it = known(hive)
    done = it["full"] == it["cells"]
    return {"state": "capped" if done else "humming", "full": it["full"], "cells": it["cells"]}


@mcp.tool
async def harvest(hive: str) -> dict:
    """What is in the cells of a hive."""
    return {"cells": [{"cell": n, "mg": 300 + n * 17 % 41} for n in range(known(hive)["full"])]}


@mcp.tool
async def apiary() -> dict:
    """All hives."""
    at_its_books()
    return {
        "hives": [{"hive": n, "state": "capped" if h["full"] == h["cells"] else "humming"} for n, h in hives.items()]
    }


if __name__ == "__main__":
    door = socket.create_server(("127.0.0.1", args.port), reuse_port=False)
    config = uvicorn.Config(mcp.http_app(), log_level="error", timeout_graceful_shutdown=1)
    uvicorn.Server(config).run(sockets=[door])
