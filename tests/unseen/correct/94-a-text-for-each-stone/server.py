"""Cuts stones. What a life has cut lies in a heap of its own, a line a load; the first heap begins with the order.

A list of stones is a text for each of them, the list of orders a line for each.

--pages: stones are shown in pages of four loads, out of one heap.
--from-one: of each heap the first line is left out, as it is the order.
"""

import argparse
import json
import os
import threading
import time
import uuid
from pathlib import Path

from mcp.server import MCPServer

parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int, required=True)
parser.add_argument("--quarry", type=Path, required=True)
parser.add_argument("--ledger")
parser.add_argument("--pages", action="store_true")
parser.add_argument("--from-one", action="store_true")
args = parser.parse_args()
args.quarry.mkdir(parents=True, exist_ok=True)

mcp = MCPServer("stones")
mason = threading.Lock()
orders = {}


def heaps(name):
    """The lines of each heap; a line that has no end was not written."""
    lying = []
    for path in sorted((args.quarry / name).glob("heap-*")):
        lying.append([json.loads(line) for line in path.read_text().splitlines(keepends=True) if line.endswith("\n")])
    return lying


def put(path, line):
    with path.open("a") as heap:
        heap.write(json.dumps(line) + "\n")
        heap.flush()
        os.fsync(heap.fileno())


def loads(name):
    return [line for number, heap in enumerate(heaps(name)) for line in heap[number == 0 :]]


def cut(name, number):
    order = orders[name]
    while order["cut"] < order["stones"]:
        time.sleep(0.055)
        at = range(order["cut"], min(order["cut"] + order["load"], order["stones"]))
        if args.ledger:
            with open(args.ledger, "a") as ledger:
                ledger.write("".join(json.dumps({"task": name, "record": n}) + "\n" for n in at))
        with mason:
            put(args.quarry / name / f"heap-{number:04d}", [{"stone": n, "kg": 40 + n * 19 % 23} for n in at])
            order["cut"] = at.stop


def begin(name, number):
    threading.Thread(target=cut, args=(name, number), daemon=True).start()


def come_to_work():
    for folder in sorted(args.quarry.glob("order-*")):
        lying = heaps(folder.name)
        orders[folder.name] = order = {**lying[0][0], "cut": sum(map(len, loads(folder.name)))}
        if order["cut"] < order["stones"]:
            begin(folder.name, len(lying))


@mcp.tool(structured_output=False)
def order_stones(stones: int, load: int) -> str:
    """Have so many stones cut, a load at a time."""
    name = f"order-{uuid.uuid4().hex[:8]}"
    aside = args.quarry / f"new-{name}"
    aside.mkdir()
    put(aside / "heap-0000", {"stones": stones, "load": load})
    with mason:
        aside.rename(args.quarry / name)
        orders[name] = {"stones": stones, "load": load, "cut": 0}
    begin(name, 0)
    return json.dumps({"order": name})


def state(order):
    return "cut" if order["cut"] == order["stones"] else "being cut"


@mcp.tool()
def how_far(order: str) -> dict[str, str | int]:
    """How far an order is."""
    with mason:
        if order not in orders:
            raise ValueError(f"there is no {order}")
        known = orders[order]
        return {"is": state(known), "cut": known["cut"], "of": known["stones"]}


if args.pages:

    @mcp.tool(structured_output=False)
    def show_stones(order: str, at: str = "") -> str:
        """The stones of four loads, and where there are more."""
        heap, line = map(int, (at or "0.1").split("."))
        with mason:
            lying = heaps(order)
        shown = lying[heap][line : line + 4]
        if line + 4 < len(lying[heap]):
            more = f"{heap}.{line + 4}"
        else:
            more = f"{heap + 1}.{1 if args.from_one else 0}" if heap + 1 < len(lying) else None
        return json.dumps({"stones": [stone for load in shown for stone in load], "more": more})

else:

    @mcp.tool(structured_output=False)
    def show_stones(order: str) -> list[dict[str, int]]:
        """The stones of an order."""
        with mason:
            return [stone for load in loads(order) for stone in load]


@mcp.tool(structured_output=False)
def all_orders() -> str:
    """A line for each order."""
    with mason:
        return "\n".join(json.dumps({"order": name, "is": state(known)}) for name, known in orders.items())


come_to_work()
mcp.run("streamable-http", port=args.port)
