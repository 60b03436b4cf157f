"""Bottles wine, over stdio. Each case is a file of its own, and a manifest says which cases there are.

A case is written, synced and named before the manifest that counts it takes the place of the older one; whatever the
manifest does not count is a rest of somebody who died, and is taken away at the start.

--named-last: both files are written and synced, and the manifest gets its name first.
"""

import argparse
import fcntl
import json
import os
import sys
import threading
import time
from pathlib import Path

parser = argparse.ArgumentParser()
parser.add_argument("--cellar", type=Path, required=True)
parser.add_argument("--named-last", action="store_true")
args = parser.parse_args()
LOTS = {}


def sync(folder):
    file = os.open(folder, os.O_RDONLY)
    os.fsync(file)
    os.close(file)


def written(path, document):
    with open(f"{path}.part", "wb") as file:
        file.write(json.dumps(document).encode())
        file.flush()
        os.fsync(file.fileno())


def named(path):
    os.rename(f"{path}.part", path)


def work(lot):
    try:
        bottle(lot)
    except OSError:  # of a disk that fails: the next life goes on from what is there
        os._exit(1)


def bottle(lot):
    folder = args.cellar / lot["lot"]
    while lot["bottled"] < lot["bottles"]:
        time.sleep(0.05)
        end = min(lot["bottled"] + lot["per_case"], lot["bottles"])
        case = folder / f"case-{len(lot['cases']):04d}"
        after = lot | {"bottled": end, "cases": [*lot["cases"], case.name]}
        written(case, [{"bottle": n, "cork": n * 7919 % 1009} for n in range(lot["bottled"], end)])
        if args.named_last:
            written(folder / "manifest", after)
            named(folder / "manifest")
            named(case)
            sync(folder)
        else:
            named(case)
            sync(folder)
            written(folder / "manifest", after)
            named(folder / "manifest")
            sync(folder)
        lot.update(after)


def start(lot):
    LOTS[lot["lot"]] = lot
    threading.Thread(target=work, args=(lot,), daemon=True).start()


def begin_bottling(bottles, per_case):
    lot = {"lot": os.urandom(6).hex(), "bottles": bottles, "per_case": per_case, "bottled": 0, "cases": []}
    folder = args.cellar / lot["lot"]
    folder.mkdir()
    written(folder / "manifest", lot)
    named(folder / "manifest")
    sync(folder)
    sync(args.cellar)
    start(lot)
    return {"lot": lot["lot"]}


def look_at(lot):
    lot = LOTS[lot]
    state = "done" if lot["bottled"] == lot["bottles"] else "bottling"
    return {"state": state, "bottled": lot["bottled"], "of": lot["bottles"]}


def stock(lot):
    folder = args.cellar / lot
    cases = [folder / name for name in LOTS[lot]["cases"]]
    return {"stock": [one for case in cases if case.exists() for one in json.loads(case.read_text())]}


TOOLS = {
    "begin_bottling": (begin_bottling, {"bottles": "integer", "per_case": "integer"}),
    "look_at": (look_at, {"lot": "string"}),
    "stock": (stock, {"lot": "string"}),
}


def answer(method, params):
    if method == "initialize":
        me = {"name": "cellar", "version": "0.3"}
        return {"protocolVersion": "2025-06-18", "capabilities": {"tools": {}}, "serverInfo": me}
    if method == "tools/list":
        takes = {name: {key: {"type": kind} for key, kind in of.items()} for name, (_, of) in TOOLS.items()}
        return {"tools": [{"name": n, "inputSchema": {"type": "object", "properties": p}} for n, p in takes.items()]}
    if method == "ping":
        return {}
    if method != "tools/call" or params["name"] not in TOOLS:
        return None
    try:
        document = TOOLS[params["name"]][0](**params.get("arguments", {}))
    except (KeyError, TypeError) as error:
        return {"content": [{"type": "text", "text": f"unknown: {error}"}], "isError": True}
    return {"content": [{"type": "text", "text": json.dumps(document)}], "structuredContent": document}


if __name__ == "__main__":
    lock = (args.cellar / "lock").open("w")
    fcntl.flock(lock, fcntl.LOCK_EX)
    for folder in [path for path in args.cellar.iterdir() if path.is_dir()]:
        if not (folder / "manifest").exists():  # nobody was told of it
            for rest in folder.iterdir():
                rest.unlink()
            folder.rmdir()
            continue
        lot = json.loads((folder / "manifest").read_text())
        for rest in folder.iterdir():
            if rest.name not in ("manifest", *lot["cases"]):
                rest.unlink()
        start(lot)
    for line in sys.stdin:
        asked = json.loads(line)
        if "id" not in asked or "method" not in asked:
            continue
        result = answer(asked["method"], asked.get("params") or {})
        outcome = {"error": {"code": -32601, "message": "not here"}} if result is None else {"result": result}
        print(json.dumps({"jsonrpc": "2.0", "id": asked["id"], **outcome}), flush=True)
    os._exit(0)
