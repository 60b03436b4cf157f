"""Sounds the sea. All voyages are written into one diary, a line a leg; what lies there is what was done.

An order is answered when its first leg is in the diary.

--last-line: a start goes on where the last line of the diary says.
"""

import argparse
import json
import os
import threading
import time
import uuid
from pathlib import Path

from mcp.server.mcpserver import MCPServer

parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int, required=True)
parser.add_argument("--diary", type=Path, required=True)
parser.add_argument("--ledger")
parser.add_argument("--last-line", action="store_true")
args = parser.parse_args()

voyages = {}
moved = threading.Condition()
mcp = MCPServer("soundings", log_level="ERROR")


def note(line):
    with open(args.diary, "ab") as diary:
        diary.write(json.dumps(line).encode() + b"\n")


def enter(line):
    if "of" in line:
        voyages[line["voyage"]] = {"of": line["of"], "leg": line["leg"], "next": 0, "depths": []}
    else:
        voyage = voyages[line["voyage"]]
        voyage["depths"] += [{"at": line["from"] + n, "fathoms": fathoms} for n, fathoms in enumerate(line["depths"])]
        voyage["next"] = line["next"]


def sail(name):
    voyage = voyages[name]
    while voyage["next"] < voyage["of"]:
        time.sleep(0.04)
        first = voyage["next"]
        last = min(first + voyage["leg"], voyage["of"])
        if args.ledger:
            with open(args.ledger, "a") as ledger:
                ledger.write("".join(json.dumps({"task": name, "record": n}) + "\n" for n in range(first, last)))
        depths = [round(12 + (n * 73 % 211) / 7, 2) for n in range(first, last)]
        line = {"voyage": name, "from": first, "depths": depths, "next": last}
        with moved:
            note(line)
            enter(line)
            moved.notify_all()


def set_sail(name):
    threading.Thread(target=sail, args=(name,), daemon=True).start()


def is_home(voyage):
    return voyage["next"] == voyage["of"]


def open_diary():
    line = {}
    if args.diary.exists():
        written = args.diary.read_bytes()
        whole = written[: written.rfind(b"\n") + 1]
        if whole != written:
            os.truncate(args.diary, len(whole))
        for text in whole.splitlines():
            line = json.loads(text)
            enter(line)
    for name, voyage in voyages.items():
        if not is_home(voyage):
            if args.last_line:
                voyage["next"] = min(line.get("next", 0), voyage["of"])
            set_sail(name)


@mcp.tool()
def sound_the_sea(places: int, leg: int) -> str:
    """Sound the depth at so many places."""
    if not 1 <= leg <= 500 or not 1 <= places <= 100_000:
        raise ValueError("a voyage has a place at least, and a leg too")
    name = f"voyage-{uuid.uuid4().hex[:10]}"
    with moved:
        line = {"voyage": name, "of": places, "leg": leg}
        note(line)
        enter(line)
        set_sail(name)
        moved.wait_for(lambda: voyages[name]["next"], timeout=30)
    return name


@mcp.tool()
def where_is(voyage: str) -> dict[str, str | int]:
    """How far a voyage is."""
    if voyage not in voyages:
        raise ValueError(f"nobody knows of {voyage}")
    with moved:
        known = voyages[voyage]
        return {"is": "home" if is_home(known) else "at sea", "sounded": known["next"], "of": known["of"]}


@mcp.tool(structured_output=False)
def depths(voyage: str, beginning: int = 0) -> str:
    """Forty depths of a voyage, from there on."""
    rows = voyages[voyage]["depths"]
    more = beginning + 40 if beginning + 40 < len(rows) else None
    return json.dumps({"page": {"depths": rows[beginning : beginning + 40], "then": more}})


@mcp.tool(structured_output=False)
def all_voyages() -> list[dict[str, str]]:
    """Each voyage, and where it is."""
    return [{"voyage": name, "is": "home" if is_home(known) else "at sea"} for name, known in voyages.items()]


open_diary()
mcp.run("streamable-http", port=args.port)
