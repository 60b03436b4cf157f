"""Ferries carts over a river. In the middle there are the customs: nobody lands who has not declared his goods.

A crossing is one file, and what was declared for it is another one beside it.

--any-paper: a start takes what was declared for what is declared.
"""

import argparse
import asyncio
import json
import os
import secrets
from contextlib import asynccontextmanager
from pathlib import Path

from fastmcp import FastMCP
from fastmcp.exceptions import ToolError

parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int, required=True)
parser.add_argument("--bank", type=Path, required=True)
parser.add_argument("--ledger")
parser.add_argument("--any-paper", action="store_true")
args = parser.parse_args()
args.bank.mkdir(parents=True, exist_ok=True)

crossings, papers, at_work = {}, {}, {}


def put(path, document):
    aside = path.with_name(path.name + "~")
    with aside.open("w") as file:
        json.dump(document, file)
        file.flush()
        os.fsync(file.fileno())
    aside.replace(path)


def waits(name):
    crossing = crossings[name]
    return not is_over(crossing) and len(crossing["over"]) >= crossing["carts"] / 2 and name not in papers


def is_over(crossing):
    return len(crossing["over"]) == crossing["carts"]


async def row(name):
    crossing = crossings[name]
    while not is_over(crossing) and not waits(name):
        await asyncio.sleep(0.06)
        at = len(crossing["over"])
        numbers = range(at, min(at + crossing["raft"], crossing["carts"]))
        if args.ledger:
            with open(args.ledger, "a") as ledger:
                ledger.write("".join(json.dumps({"task": name, "record": n}) + "\n" for n in numbers))
        goods = papers.get(name, "not yet known")
        over = crossing["over"] + [{"cart": n, "goods": goods} for n in numbers]
        put(args.bank / f"{name}.crossing", {**crossing, "over": over})
        crossing["over"] = over


def set_off(name):
    if name not in at_work or at_work[name].done():
        at_work[name] = asyncio.create_task(row(name))


@asynccontextmanager
async def lifespan(_):
    for path in sorted(args.bank.glob("*.crossing")):
        crossings[path.stem] = json.loads(path.read_text())
    declared = {path.stem: json.loads(path.read_text()) for path in sorted(args.bank.glob("*.paper"))}
    for name in crossings:
        if args.any_paper and declared:
            papers[name] = declared.get(name) or next(iter(declared.values()))
        elif name in declared:
            papers[name] = declared[name]
        set_off(name)
    yield


mcp = FastMCP("ferry", lifespan=lifespan)


@mcp.tool
async def cross_river(carts: int, raft: int) -> dict:
    """Have so many carts brought over, a raft at a time."""
    name = secrets.token_urlsafe(6).replace("_", "A").replace("-", "B")
    crossing = {"carts": carts, "raft": raft, "over": []}
    put(args.bank / f"{name}.crossing", crossing)
    crossings[name] = crossing
    set_off(name)
    return {"crossing": {"name": name, "look": f"river://crossings/{name}"}}


@mcp.tool
async def declare(crossing: str, goods: str) -> dict:
    """Say what is on the carts. What was said once holds."""
    if crossing not in crossings:
        raise ToolError(f"there is no crossing {crossing}")
    if crossing in papers:
        return {"declared": papers[crossing], "before": True}
    if not waits(crossing):
        raise ToolError("nobody has asked yet")
    put(args.bank / f"{crossing}.paper", goods)
    papers[crossing] = goods
    set_off(crossing)
    return {"declared": goods, "before": False}


@mcp.resource("river://crossings/{name}")
async def look(name: str) -> str:
    if name not in crossings:
        raise ToolError(f"there is no crossing {name}")
    crossing = crossings[name]
    now = "on the other bank" if is_over(crossing) else "at the customs" if waits(name) else "on the water"
    return json.dumps({"now": now, "over": len(crossing["over"]), "of": crossing["carts"]})


@mcp.resource("river://crossings/{name}/carts")
async def carts(name: str) -> str:
    return json.dumps({"carts": crossings[name]["over"]})


if __name__ == "__main__":
    mcp.run(transport="http", port=args.port, show_banner=False, log_level="error")
