"""Tunes pianos. The call comes back with the tuned strings; how far it is, another tool says.

A piano's log has a line as a group of strings is begun, and one with the strings when it is done. Who calls again for
the same piano goes on with it, and those who call at once take turns.

--tries: how far it is is counted in groups that were begun.
"""

import argparse
import asyncio
import json
from pathlib import Path

from fastmcp import FastMCP
from fastmcp.exceptions import ToolError

parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int, required=True)
parser.add_argument("--logs", type=Path, required=True)
parser.add_argument("--ledger")
parser.add_argument("--tries", action="store_true")
args = parser.parse_args()
args.logs.mkdir(parents=True, exist_ok=True)

mcp = FastMCP("tuner")
turns = {}


def path_of(piano):
    return args.logs / f"{piano.encode().hex()}.log"


def read(piano):
    """What its log says, in whole lines."""
    path = path_of(piano)
    text = path.read_bytes() if path.exists() else b""
    return [json.loads(line) for line in text[: text.rfind(b"\n") + 1].splitlines()]


def write(piano, line):
    with path_of(piano).open("ab") as log:
        log.truncate(path_of(piano).read_bytes().rfind(b"\n") + 1)  # a line that was cut off is none
        log.write(json.dumps(line).encode() + b"\n")


def strings_in(log):
    return [string for line in log for string in line.get("done", [])]


async def tune_group(piano, strings, group):
    """One more group, if one is left; whether one was."""
    async with turns.setdefault(piano, asyncio.Lock()):
        first = len(strings_in(read(piano)))
        if first >= strings:
            return False
        write(piano, {"begin": first, "of": strings, "size": min(group, strings - first)})
        await asyncio.sleep(0.05)
        numbers = range(first, min(first + group, strings))
        if args.ledger:
            with open(args.ledger, "a") as ledger:
                ledger.write("".join(json.dumps({"task": piano, "record": n}) + "\n" for n in numbers))
        write(piano, {"done": [{"string": n, "hertz": round(27.5 * 2 ** (n / 12 % 7), 3)} for n in numbers]})
    return True


@mcp.tool
async def tune_piano(piano: str, strings: int, group: int) -> dict:
    """Tune so many strings, so many at a time."""
    if strings < 1 or group < 1:
        raise ToolError("a piano has strings")
    while await tune_group(piano, strings, group):
        pass
    tuned = strings_in(read(piano))
    return {"piano": piano, "tuned": {"strings": len(tuned), "which": tuned}}


@mcp.tool
async def how_far(piano: str) -> dict:
    log = read(piano)
    if not log:
        raise ToolError(f"nobody tunes {piano}")
    begun = [line for line in log if "begin" in line]
    if args.tries:
        at_it = "done" not in log[-1]
        tuned = sum(line["size"] for line in begun[: len(begun) - at_it])
    else:
        tuned = len(strings_in(log))
    return {"strings": tuned, "of": begun[0]["of"]}


if __name__ == "__main__":
    mcp.run(transport="http", port=args.port, show_banner=False, log_level="error")
