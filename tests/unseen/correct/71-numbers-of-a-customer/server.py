"""Carves stones. The orders of each customer are numbered from one: one is called anna/0001.

--with-a-dash: one is called anna-0001.
--least: how many stones an order has at least, as the schema says.
--by-number: the file of an order is called by its number.
"""

import argparse
import asyncio
import json
import os
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated

from fastmcp import FastMCP
from fastmcp.exceptions import ToolError
from pydantic import Field

parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int, required=True)
parser.add_argument("--yard", type=Path, required=True)
parser.add_argument("--ledger")
parser.add_argument("--with-a-dash", action="store_true")
parser.add_argument("--least", type=int, default=1)
parser.add_argument("--by-number", action="store_true")
args = parser.parse_args()

orders = {}
at_work = set()


def called(customer, number):
    return f"{customer}{'-' if args.with_a_dash else '/'}{number:04d}"


def save(order):
    folder = args.yard if args.by_number else args.yard / order["customer"]
    folder.mkdir(parents=True, exist_ok=True)
    new = folder / f".{order['number']:04d}"
    new.write_text(json.dumps(order))
    new.replace(folder / f"{order['number']:04d}.json")


async def carve(name):
    order = orders[name]
    while len(order["stones"]) < order["of"]:
        await asyncio.sleep(0.012)
        first = len(order["stones"])
        numbers = range(first, min(first + order["load"], order["of"]))
        if args.ledger:
            with open(args.ledger, "a") as ledger:
                ledger.write("".join(json.dumps({"task": name, "record": n}) + "\n" for n in numbers))
        order["stones"] += [{"stone": n, "kg": round(3 + n * 41 % 89 / 10, 1)} for n in numbers]
        save(order)


def begin(name):
    task = asyncio.create_task(carve(name))
    at_work.add(task)
    task.add_done_callback(at_work.discard)


@asynccontextmanager
async def lifespan(_):
    for folder, _, files in os.walk(args.yard):
        for file in files:
            if file.endswith(".json"):
                order = json.loads((Path(folder) / file).read_text())
                orders[called(order["customer"], order["number"])] = order
    for name in orders:
        begin(name)
    yield


mcp = FastMCP("quarry", lifespan=lifespan)


@mcp.tool
async def carve_stones(
    customer: Annotated[str, Field(pattern=r"^[\w.-]+$")],
    stones: Annotated[int, Field(ge=args.least, le=5000)],
    load: Annotated[int, Field(ge=1, le=100)],
) -> dict:
    number = 1 + max((order["number"] for order in orders.values() if order["customer"] == customer), default=0)
    name = called(customer, number)
    orders[name] = {"customer": customer, "number": number, "of": stones, "load": load, "stones": []}
    save(orders[name])
    begin(name)
    return {"order": name}


@mcp.tool
async def order_state(order: str) -> dict:
    if order not in orders:
        raise ToolError(f"there is no order {order}")
    known = orders[order]
    ready = len(known["stones"]) == known["of"]
    shown = {"order": order, "phase": "ready" if ready else "carving", "left": known["of"] - len(known["stones"])}
    return {**shown, "carved": len(known["stones"]), "stones": known["stones"] if ready else None}


@mcp.tool
async def list_orders() -> list[dict]:
    return [{"order": name, "phase": (await order_state(name))["phase"]} for name in sorted(orders)]


if __name__ == "__main__":
    mcp.run(transport="http", port=args.port, show_banner=False, log_level="error")
