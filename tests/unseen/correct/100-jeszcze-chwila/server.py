"""Wypieka pierniki. Bakes gingerbread, a tray at a time; answers are Pydantic models, what is not known yet is null.

The kitchen's book is read when somebody asks for the first time, 40 ms a line and 2.4 s at most. A call waits for it
for a quarter of a second, then it says when to come again, and the reading goes on.

--no-shield: whoever has waited for a quarter of a second ends the reading with his call.
"""

import argparse
import asyncio
import json
import os
from pathlib import Path

from fastmcp import FastMCP
from fastmcp.exceptions import ToolError
from pydantic import BaseModel

parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int, required=True)
parser.add_argument("--ksiega", type=Path, required=True)
parser.add_argument("--ledger")
parser.add_argument("--no-shield", action="store_true")
args = parser.parse_args()

kitchen = {"orders": None, "reading": None}
ovens = set()


class Zlecenie(BaseModel):
    numer: str | None = None
    retryInSeconds: float | None = None


class Stan(BaseModel):
    stan: str | None = None
    upieczone: int | None = None
    wszystkie: int | None = None
    podpowiedz: str | None = None
    retryInSeconds: float | None = None


class Piernik(BaseModel):
    piernik: int
    ksztalt: str


class Blacha(BaseModel):
    pierniki: list[Piernik] | None = None
    podpowiedz: str | None = None
    retryInSeconds: float | None = None


class Wpis(BaseModel):
    numer: str
    stan: str


class Lista(BaseModel):
    zlecenia: list[Wpis] | None = None
    retryInSeconds: float | None = None


JESZCZE = {"podpowiedz": "Jeszcze chwila, czytam księgę.", "retryInSeconds": 0.3}


def write(line):
    with args.ksiega.open("a") as book:
        book.write(json.dumps(line) + "\n")
        book.flush()
        os.fsync(book.fileno())


async def bake(number):
    order = kitchen["orders"][number]
    while order["baked"] < order["of"] and not order["off"]:
        await asyncio.sleep(0.05)
        if order["off"]:
            return
        end = min(order["baked"] + order["tray"], order["of"])
        if args.ledger:
            with open(args.ledger, "a") as ledger:
                ledger.write(
                    "".join(json.dumps({"task": number, "record": n}) + "\n" for n in range(order["baked"], end))
                )
        write({"order": number, "baked": end})
        order["baked"] = end


def heat(number):
    oven = asyncio.create_task(bake(number))
    ovens.add(oven)
    oven.add_done_callback(ovens.discard)


async def read_book():
    written = args.ksiega.read_bytes() if args.ksiega.exists() else b""
    whole = written[: written.rfind(b"\n") + 1]
    orders, lines = {}, whole.splitlines()
    for line in lines:
        await asyncio.sleep(min(0.04, 2.4 / len(lines)))
        entry = json.loads(line)
        number = entry.pop("order")
        orders[number] = {**orders.get(number, {"baked": 0, "off": False}), **entry}
    if whole != written:
        os.truncate(args.ksiega, len(whole))
    kitchen["orders"] = orders
    for number, order in orders.items():
        if order["baked"] < order["of"] and not order["off"]:
            heat(number)


async def book():
    """What stands in it, or None where it takes longer than anybody likes to wait."""
    if kitchen["orders"] is None:
        if kitchen["reading"] is None or kitchen["reading"].done():
            kitchen["reading"] = asyncio.create_task(read_book())
        reading = kitchen["reading"] if args.no_shield else asyncio.shield(kitchen["reading"])
        try:
            await asyncio.wait_for(reading, 0.25)
        except TimeoutError:
            return None
    return kitchen["orders"]


mcp = FastMCP("pierniki")


def known(orders, numer):
    if numer not in orders:
        raise ToolError(f"Nie ma zlecenia {numer}.")
    return orders[numer]


def word(order):
    return "odwołane" if order["off"] else "upieczone" if order["baked"] == order["of"] else "w piecu"


@mcp.tool
async def zamow(sztuk: int, na_blasze: int) -> Zlecenie:
    """Piecze tyle pierników, po tyle na blasze."""
    if (orders := await book()) is None:
        return Zlecenie(retryInSeconds=0.3)
    number = f"Z{len(orders) + 1}"
    order = {"of": sztuk, "tray": na_blasze}
    write({"order": number, **order})
    orders[number] = {**order, "baked": 0, "off": False}
    heat(number)
    return Zlecenie(numer=number)


@mcp.tool
async def jak_idzie(numer: str) -> Stan:
    if (orders := await book()) is None:
        return Stan(**JESZCZE)
    order = known(orders, numer)
    return Stan(stan=word(order), upieczone=order["baked"], wszystkie=order["of"])


@mcp.tool
async def odwolaj(numer: str) -> Stan:
    if (orders := await book()) is None:
        return Stan(**JESZCZE)
    order = known(orders, numer)
    if word(order) == "w piecu":
        write({"order": numer, "off": True})
        order["off"] = True
    return Stan(stan=word(order), upieczone=order["baked"], wszystkie=order["of"])


@mcp.tool
async def co_jest(numer: str) -> Blacha:
    if (orders := await book()) is None:
        return Blacha(**JESZCZE)
    shapes = ("serce", "gwiazda", "konik")
    return Blacha(
        pierniki=[Piernik(piernik=n, ksztalt=shapes[n * 7 % 5 % 3]) for n in range(known(orders, numer)["baked"])]
    )


@mcp.tool
async def wszystkie() -> Lista:
    if (orders := await book()) is None:
        return Lista(retryInSeconds=0.3)
    return Lista(zlecenia=[Wpis(numer=number, stan=word(order)) for number, order in orders.items()])


if __name__ == "__main__":
    args.ksiega.parent.mkdir(parents=True, exist_ok=True)
    mcp.run(transport="http", port=args.port, show_banner=False, log_level="error")
