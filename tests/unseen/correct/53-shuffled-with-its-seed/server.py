"""Goes once through a set of pictures in a random order, over stdio. The order is made of a seed that the job keeps.

--anew: the order is made at each start of the job.
"""

import argparse
import fcntl
import json
import os
import random
import sys
import threading
import time
from pathlib import Path

parser = argparse.ArgumentParser()
parser.add_argument("--home", type=Path, required=True)
parser.add_argument("--anew", action="store_true")
args = parser.parse_args()
TURN = threading.Lock()
EPOCHS = {}


def save(epoch):
    fresh = args.home / f"{epoch['name']}.epoch~"
    fresh.write_text(json.dumps(epoch))
    fresh.rename(args.home / f"{epoch['name']}.epoch")


def train(epoch):
    order = list(range(epoch["pictures"]))
    random.Random(None if args.anew else epoch["seed"]).shuffle(order)
    while epoch["step"] < len(order):
        time.sleep(0.07)
        batch = order[epoch["step"] : epoch["step"] + epoch["batch"]]
        seen = [{"picture": picture, "loss": round(1 / (picture + 1), 6)} for picture in batch]
        after = {**epoch, "step": epoch["step"] + len(batch), "seen": epoch["seen"] + seen}
        save(after)
        epoch.update(after)


def start(epoch):
    EPOCHS[epoch["name"]] = epoch
    threading.Thread(target=train, args=(epoch,), daemon=True).start()


def run_epoch(pictures, batch):
    name = f"epoch-{os.urandom(5).hex()}"
    epoch = {"name": name, "pictures": pictures, "batch": batch, "seed": random.getrandbits(40), "step": 0, "seen": []}
    save(epoch)
    start(epoch)
    return {"epoch": {"name": name, "size": pictures}}


def epoch_progress(name):
    epoch = EPOCHS[name]
    ended = epoch["step"] == epoch["pictures"]
    return {"phase": "trained" if ended else "training", "progress": {"step": epoch["step"], "of": epoch["pictures"]}}


def epoch_losses(name):
    return {"losses": EPOCHS[name]["seen"]}


TOOLS = {
    "run_epoch": (run_epoch, {"pictures": "integer", "batch": "integer"}),
    "epoch_progress": (epoch_progress, {"name": "string"}),
    "epoch_losses": (epoch_losses, {"name": "string"}),
}


def answer(method, params):
    if method == "initialize":
        me = {"name": "epochs", "version": "0.0.7"}
        return {"protocolVersion": "2024-11-05", "capabilities": {"tools": {}}, "serverInfo": me}
    if method == "tools/list":
        return {
            "tools": [
                {
                    "name": name,
                    "description": f"{name.replace('_', ' ')}.",
                    "inputSchema": {"type": "object", "properties": {key: {"type": kind} for key, kind in of.items()}},
                }
                for name, (_, of) in TOOLS.items()
            ]
        }
    if method == "ping":
        return {}
    if method != "tools/call" or params["name"] not in TOOLS:
        return None
    try:
        document = TOOLS[params["name"]][0](**params.get("arguments", {}))
    except (KeyError, TypeError) as error:
        return {"content": [{"type": "text", "text": f"unknown: {error}"}], "isError": True}
    return {"content": [{"type": "text", "text": json.dumps(document)}]}


if __name__ == "__main__":
    lock = (args.home / "lock").open("w")
    fcntl.flock(lock, fcntl.LOCK_EX)  # waits for a life that is about to end
    for path in args.home.glob("*.epoch"):
        start(json.loads(path.read_text()))
    for line in sys.stdin:
        asked = json.loads(line)
        if "id" not in asked or "method" not in asked:
            continue
        result = answer(asked["method"], asked.get("params") or {})
        outcome = {"error": {"code": -32601, "message": "not here"}} if result is None else {"result": result}
        print(json.dumps({"jsonrpc": "2.0", "id": asked["id"], **outcome}), flush=True)
    os._exit(0)
