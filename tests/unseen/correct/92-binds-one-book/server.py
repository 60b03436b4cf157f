"""Binds one book, over standard input and output, and no second one: who ordered it is told how far it is.

The book is one file of lines: what was ordered, and then a line a quire. It ends with its input.

--forgets: who has ordered it is remembered in memory.
"""

import argparse
import fcntl
import hashlib
import json
import os
import sys
import threading
import time
from pathlib import Path

parser = argparse.ArgumentParser()
parser.add_argument("shelf", type=Path)
parser.add_argument("ledger")
parser.add_argument("--forgets", action="store_true")
args = parser.parse_args()
args.shelf.mkdir(parents=True, exist_ok=True)

path = args.shelf / "book.tsv"
guard = threading.RLock()
book = None
ordered_by = None


class Refused(Exception):
    pass


def write(*cells):
    with path.open("a") as file:
        file.write("\t".join(map(str, cells)) + "\n")
        file.flush()
        os.fsync(file.fileno())


def bind():
    while book["sewn"] < book["leaves"]:
        time.sleep(0.05)
        end = min(book["sewn"] + book["quire"], book["leaves"])
        with open(args.ledger, "a") as ledger:
            ledger.write(
                "".join(json.dumps({"task": book["mark"], "record": n}) + "\n" for n in range(book["sewn"], end))
            )
        with guard:
            write("sewn", end)
            book["sewn"] = end


def open_book():
    global book, ordered_by
    if not path.exists():
        return
    written = path.read_bytes()
    whole = written[: written.rfind(b"\n") + 1]
    if whole != written:
        os.truncate(path, len(whole))
    for line in whole.decode().splitlines():
        word, *cells = line.split("\t")
        if word == "ordered":
            book = {"mark": cells[0], "leaves": int(cells[1]), "quire": int(cells[2]), "sewn": 0}
            ordered_by = None if args.forgets else cells[3]
        else:
            book["sewn"] = int(cells[0])
    if book:
        threading.Thread(target=bind, daemon=True).start()


def bind_book(leaves, quire, author):
    global book, ordered_by
    with guard:
        if book is None:
            mark = hashlib.blake2s(f"{author}/{time.time_ns()}".encode(), digest_size=6).hexdigest()
            write("ordered", mark, leaves, quire, author)
            book = {"mark": mark, "leaves": leaves, "quire": quire, "sewn": 0}
            ordered_by = author
            threading.Thread(target=bind, daemon=True).start()
        elif ordered_by is None:
            ordered_by = author
        elif ordered_by != author:
            raise Refused("we bind one book in our lives, and that one is somebody else's")
        return {"mark": book["mark"]}


def this_book(mark):
    if book is None or mark != book["mark"]:
        raise Refused(f"no book has the mark {mark}")
    return book


def sewn(mark):
    with guard:
        it = this_book(mark)
        return {"bound": it["sewn"] == it["leaves"], "leaves": {"sewn": it["sewn"], "all": it["leaves"]}}


def leaf_through(mark):
    with guard:
        it = this_book(mark)
        return {"leaves": [{"folio": n, "thread": n * 7 % 11} for n in range(it["sewn"])]}


whole, text = {"type": "integer", "minimum": 1}, {"type": "string"}
TOOLS = {
    "bind_book": (bind_book, {"leaves": whole, "quire": whole, "author": text}),
    "sewn": (sewn, {"mark": text}),
    "leaf_through": (leaf_through, {"mark": text}),
}


def schema(takes):
    return {"type": "object", "properties": takes, "required": list(takes)}


def answer(method, params):
    if method == "initialize":
        server = {"name": "bindery", "version": "1"}
        return {"protocolVersion": "2025-06-18", "capabilities": {"tools": {}}, "serverInfo": server}
    if method == "ping":
        return {}
    if method == "tools/list":
        return {"tools": [{"name": name, "inputSchema": schema(takes)} for name, (_, takes) in TOOLS.items()]}
    if method == "tools/call" and params["name"] in TOOLS:
        try:
            said = TOOLS[params["name"]][0](**params.get("arguments", {}))
        except Refused as error:
            return {"content": [{"type": "text", "text": str(error)}], "isError": True}
        return {"content": [{"type": "text", "text": json.dumps(said)}]}
    return None


lock = (args.shelf / "lock").open("a")
fcntl.flock(lock, fcntl.LOCK_EX)
open_book()
for line in sys.stdin:
    asked = json.loads(line)
    if "id" in asked:
        said = answer(asked["method"], asked.get("params") or {})
        how = {"error": {"code": -32601, "message": "Method not found"}} if said is None else {"result": said}
        print(json.dumps({"jsonrpc": "2.0", "id": asked["id"], **how}), flush=True)
with guard:  # a quire is not left half sewn
    os._exit(0)
