"""Presses flowers: a folder for each sheet, a file for each flower. A sheet is put together in the press, in a folder
that nobody looks into, and renamed when it is dry; what lies in the press when we start is thrown away.

--tidies: sheets that are not full are thrown away, too, when we start.
--one-press: there is one press, and its folder always has the same name.
"""

import argparse
import asyncio
import json
import shutil
import uuid
from contextlib import asynccontextmanager
from pathlib import Path

from fastmcp import FastMCP
from fastmcp.exceptions import ResourceError

parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int, required=True)
parser.add_argument("--shelf", type=Path, required=True)
parser.add_argument("--ledger", type=Path)
parser.add_argument("--tidies", action="store_true")
parser.add_argument("--one-press", action="store_true")
args = parser.parse_args()

pressing = set()


def press_for(book):
    return args.shelf / "press" / ("sheet" if args.one_press else f"{book}-{uuid.uuid4().hex[:8]}")


def sheets(book):
    return sorted((args.shelf / "books" / book).glob("sheet-*"))


def flowers(book):
    return [json.loads(file.read_text()) for sheet in sheets(book) for file in sorted(sheet.iterdir())]


def order(book):
    return json.loads((args.shelf / "books" / book / "order.json").read_text())


async def press(book):
    wanted = order(book)
    while (done := len(flowers(book))) < wanted["flowers"]:
        here = press_for(book)
        here.mkdir(parents=True, exist_ok=True)
        for n in range(done, min(done + wanted["sheet"], wanted["flowers"])):
            await asyncio.sleep(0.008)
            if args.ledger:
                with args.ledger.open("a") as ledger:
                    ledger.write(json.dumps({"task": book, "record": f"flower {n}"}) + "\n")
            flower = {"flower": f"flower {n}", "petals": 3 + n * 11 % 8}
            (here / f"{n:06d}.json").write_text(json.dumps(flower))
        here.rename(args.shelf / "books" / book / f"sheet-{len(sheets(book)):05d}")
    (args.shelf / "books" / book / "bound").touch()


def begin(book):
    task = asyncio.create_task(press(book))
    pressing.add(task)
    task.add_done_callback(pressing.discard)


@asynccontextmanager
async def lifespan(_):
    shutil.rmtree(args.shelf / "press", ignore_errors=True)
    (args.shelf / "books").mkdir(parents=True, exist_ok=True)
    for folder in sorted((args.shelf / "books").iterdir()):
        if folder.name.startswith("new-"):
            shutil.rmtree(folder)
            continue
        if args.tidies:
            for sheet in sheets(folder.name):
                if len(list(sheet.iterdir())) < order(folder.name)["sheet"]:
                    shutil.rmtree(sheet)
        if not (folder / "bound").exists():
            begin(folder.name)
    yield


mcp = FastMCP("herbarium", lifespan=lifespan)


@mcp.tool
async def press_flowers(collector: str, flowers: int, sheet: int) -> dict:
    book = f"{collector}.{uuid.uuid4().hex[:10]}"
    new = args.shelf / "books" / f"new-{book}"
    new.mkdir()
    (new / "order.json").write_text(json.dumps({"flowers": flowers, "sheet": sheet}))
    new.rename(args.shelf / "books" / book)
    begin(book)
    return {"accepted": True, "book": {"uri": f"herbarium://books/{book}"}}


def known(book):
    folder = args.shelf / "books" / book
    if book.startswith("new-") or folder.parent != args.shelf / "books" or not folder.exists():
        raise ResourceError(f"no book {book}")
    return folder


@mcp.resource("herbarium://books/{book}", mime_type="application/json")
async def state(book: str) -> str:
    bound = (known(book) / "bound").exists()
    done = len(flowers(book))
    wanted = order(book)["flowers"]
    shown = {"book": book, "bound": bound, "flowers": {"pressed": done, "wanted": wanted}, "sheets": len(sheets(book))}
    return json.dumps(shown)


@mcp.resource("herbarium://books/{book}/sheets/{number}", mime_type="application/json")
async def sheet_of(book: str, number: int) -> str:
    known(book)
    there = sheets(book)
    shown = [json.loads(file.read_text()) for file in sorted(there[number].iterdir())] if number < len(there) else []
    after = f"herbarium://books/{book}/sheets/{number + 1}" if number + 1 < len(there) else None
    return json.dumps({"flowers": shown, "next": after})


if __name__ == "__main__":
    mcp.run(transport="http", port=args.port, show_banner=False, log_level="error")
