"""Bakes loaves. What happens is noted, a line each, in one book for all orders; what is known is what the book says.

--open-only: a start keeps a list of the orders that are open; the others are found when somebody asks for them.
--rested: a start bakes on with what was resting.
"""

import argparse
import asyncio
import json
import os
import secrets
from contextlib import asynccontextmanager

from fastmcp import FastMCP
from fastmcp.exceptions import ResourceError, ToolError

parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int, required=True)
parser.add_argument("--book", required=True)
parser.add_argument("--ledger")
parser.add_argument("--open-only", action="store_true")
parser.add_argument("--rested", action="store_true")
args = parser.parse_args()

ENDED = ("BAKED", "CALLED_OFF")
orders = {}
listed = []
ovens = {}


def fold(event):
    kind, name = event["event"], event["order"]
    if kind == "ordered":
        orders[name] = {"order": name, "state": "BAKING", "loaves": [], "of": event["of"], "tray": event["tray"]}
        listed.append(name)
        return
    order = orders[name]
    if kind == "baked":
        order["loaves"] += event["loaves"]
        if len(order["loaves"]) == order["of"]:
            order["state"] = "BAKED"
    else:
        order["state"] = {"rest": "RESTING", "go-on": "BAKING", "call-off": "CALLED_OFF"}[kind]


class Book:
    def __init__(self, path):
        self.file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)

    def read(self):
        size = os.fstat(self.file).st_size
        text = os.pread(self.file, size, 0)
        whole = text[: text.rfind(b"\n") + 1]
        if len(whole) < size:
            os.ftruncate(self.file, len(whole))
        for line in whole.splitlines():
            fold(json.loads(line))

    def note(self, event, order, **more):
        event = {"event": event, "order": order, **more}
        os.write(self.file, json.dumps(event).encode() + b"\n")
        fold(event)


book = Book(args.book)


async def bake(name):
    order = orders[name]
    while order["state"] == "BAKING":
        await asyncio.sleep(0.07)
        if order["state"] != "BAKING":
            return
        first = len(order["loaves"])
        numbers = range(first, min(first + order["tray"], order["of"]))
        if args.ledger:
            with open(args.ledger, "a") as ledger:
                ledger.writelines(json.dumps({"task": name, "record": f"loaf-{n}"}) + "\n" for n in numbers)
        book.note("baked", name, loaves=[[n, 480 + n * 67 % 45] for n in numbers])


def begin(name):
    before = ovens.get(name)

    async def turn():
        if before:
            await before
        await bake(name)

    ovens[name] = asyncio.create_task(turn())


@asynccontextmanager
async def lifespan(_):
    book.read()
    if args.open_only:
        listed[:] = [name for name in listed if orders[name]["state"] not in ENDED]
    for name, order in orders.items():
        if args.rested and order["state"] == "RESTING":
            order["state"] = "BAKING"
        if order["state"] == "BAKING":
            begin(name)
    yield


mcp = FastMCP("bakery", lifespan=lifespan)


def known(name):
    if name not in orders:
        raise ToolError(f"nobody has ordered {name}")
    return orders[name]


def shown(order):
    return {"order": order["order"], "state": order["state"], "baked": len(order["loaves"]), "of": order["of"]}


@mcp.tool
async def bake_loaves(loaves: int, tray: int) -> dict:
    name = f"order-{secrets.token_urlsafe(8)}"
    book.note("ordered", name, of=loaves, tray=tray)
    begin(name)
    return {"task": f"bakery://orders/{name}"}


@mcp.tool
async def rest(order: str) -> dict:
    if known(order)["state"] != "BAKING":
        raise ToolError(f"{order} is {known(order)['state']}")
    book.note("rest", order)
    return shown(known(order))


@mcp.tool
async def go_on(order: str) -> dict:
    if known(order)["state"] != "RESTING":
        raise ToolError(f"{order} is {known(order)['state']}")
    book.note("go-on", order)
    begin(order)
    return shown(known(order))


@mcp.tool
async def call_off(order: str) -> dict:
    if known(order)["state"] in ENDED:
        raise ToolError(f"{order} is {known(order)['state']}")
    book.note("call-off", order)
    return shown(known(order))


@mcp.tool
async def blackboard() -> dict:
    """What is there, and how many of each."""
    states = [orders[name]["state"] for name in listed]
    counts = {state: states.count(state) for state in ("BAKING", "RESTING", *ENDED)}
    return {"orders": [shown(orders[name]) for name in listed], "counts": counts, "all": len(states)}


@mcp.resource("bakery://orders/{order}", mime_type="application/json")
async def state_of(order: str) -> str:
    if order not in orders:
        raise ResourceError(f"nobody has ordered {order}")
    return json.dumps(shown(orders[order]))


@mcp.resource("bakery://loaves/{order}", mime_type="application/json")
async def loaves_of(order: str) -> str:
    if order not in orders:
        raise ResourceError(f"nobody has ordered {order}")
    return json.dumps([{"loaf": f"loaf-{n}", "grams": grams} for n, grams in orders[order]["loaves"]])


if __name__ == "__main__":
    mcp.run(transport="http", port=args.port, show_banner=False, log_level="error")
