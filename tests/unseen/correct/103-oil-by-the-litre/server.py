"""Presses olives, a few crates at a time, while the caller waits and is told how far it is. A file of lines a grove.

A start reads the files, 25 ms a line and a second and a half at most. Whoever calls meanwhile is told PRESS-07, and
how long it will take. Who calls again for a grove goes on where the file ends; two calls for one grove take turns.

--no-error: PRESS-07 is an answer like any other.
--two-decimals: oil is kept in litres with two decimals, as anybody would read it; what is in memory has them all.
"""

import argparse
import asyncio
import json
import os
import time
from collections import defaultdict
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import quote, unquote

from fastmcp import Context, FastMCP
from fastmcp.exceptions import ToolError
from fastmcp.tools.base import ToolResult
from mcp.types import TextContent

parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int, required=True)
parser.add_argument("--mill", type=Path, required=True)
parser.add_argument("--ledger")
parser.add_argument("--no-error", action="store_true")
parser.add_argument("--two-decimals", action="store_true")
args = parser.parse_args()
args.mill.mkdir(parents=True, exist_ok=True)

groves, turns = {}, defaultdict(asyncio.Lock)
warm = {"at": None, "begun": False}


def file_of(grove):
    return args.mill / f"{quote(grove, safe='')}.oil"


async def warm_up():
    files = {unquote(path.stem): path.read_bytes() for path in args.mill.glob("*.oil")}
    whole = {grove: written[: written.rfind(b"\n") + 1] for grove, written in files.items()}
    lines = sum(written.count(b"\n") for written in whole.values())
    takes = min(0.025 * lines, 1.5)
    warm["at"] = time.monotonic() + takes
    for grove, written in whole.items():
        if len(written) < len(files[grove]):
            os.truncate(file_of(grove), len(written))
        first, *rest = [json.loads(line) for line in written.splitlines()] or [None]
        if first is not None:
            groves[grove] = {
                "crates": first["crates"],
                "oil": [(crate, litres) for line in rest for crate, litres in line],
            }
    await asyncio.sleep(takes)
    warm["begun"] = True


def keep(grove, line):
    with file_of(grove).open("a") as file:
        file.write(json.dumps(line) + "\n")
        file.flush()
        os.fsync(file.fileno())


async def press(grove, at_once):
    """The next crates of a grove, and how many were pressed."""
    it = groves[grove]
    async with turns[grove]:
        crates = range(len(it["oil"]), min(len(it["oil"]) + at_once, it["crates"]))
        if crates:
            await asyncio.sleep(0.06)
            oil = [(crate, 9 + crate * 7919 % 1009 / 347) for crate in crates]
            if args.ledger:
                with open(args.ledger, "a") as ledger:
                    ledger.write("".join(json.dumps({"task": grove, "record": crate}) + "\n" for crate in crates))
            keep(grove, [(crate, round(litres, 2) if args.two_decimals else litres) for crate, litres in oil])
            it["oil"] += oil
        return len(it["oil"])


@asynccontextmanager
async def lifespan(_):
    warming = asyncio.create_task(warm_up())
    await asyncio.sleep(0)
    yield
    warming.cancel()


mcp = FastMCP("mill", lifespan=lifespan)


@mcp.tool
async def press_olives(grove: str, crates: int, at_once: int, ctx: Context) -> ToolResult:
    """Presses so many crates of a grove, and says what came of each."""
    if not warm["begun"]:
        left = round(max(0.1, warm["at"] - time.monotonic()), 1)
        return ToolResult(
            content=[TextContent(type="text", text=f"PRESS-07 ({left} s)")],
            structured_content={"code": "PRESS-07", "readyInSeconds": left},
            is_error=not args.no_error,
        )
    if not grove or crates < 1 or at_once < 1:
        raise ToolError("PRESS-02")
    if grove not in groves:
        keep(grove, {"crates": crates})
        groves[grove] = {"crates": crates, "oil": []}
    if groves[grove]["crates"] != crates:
        raise ToolError(f"PRESS-04: {grove} brought {groves[grove]['crates']} crates")
    pressed = len(groves[grove]["oil"])
    await ctx.report_progress(pressed, crates, "the stones are turning")
    while pressed < crates:
        pressed = await press(grove, at_once)
        await ctx.report_progress(pressed, crates, f"crate {pressed} is pressed")
    oil = groves[grove]["oil"]
    return ToolResult(
        content=[
            TextContent(type="text", text=f"{pressed} crates, {sum(litres for _, litres in oil):.0f} litres of oil.")
        ],
        structured_content={"pressed": pressed, "oil": [{"crate": crate, "litres": litres} for crate, litres in oil]},
        meta={"mill": "stone"},
    )


if __name__ == "__main__":
    mcp.run(transport="http", port=args.port, show_banner=False, log_level="error")
