"""Exports readings to CSV. One thread writes all files; a file is cut to its checkpointed size before it goes on."""

import argparse
import csv
import fcntl
import io
import json
import os
import queue
import threading
import time
from pathlib import Path
from uuid import uuid4

from fastmcp import FastMCP
from fastmcp.exceptions import ToolError

parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int, default=8000)
parser.add_argument("--dir", type=Path, default=Path())
parser.add_argument("--ledger")
args = parser.parse_args()

waiting = queue.Queue()
HEADER = "sensor,celsius\r\n"


def checkpoint(export):
    return json.loads((args.dir / f"{export}.state").read_text())


def save(export, state):
    beside = args.dir / f".{export}.state"
    with beside.open("w") as file:
        file.write(json.dumps(state))
        file.flush()
        os.fsync(file.fileno())
    beside.replace(args.dir / f"{export}.state")


def write(export):
    state = checkpoint(export)
    with (args.dir / f"{export}.csv").open("ab") as file:
        file.truncate(state["bytes"])
        while state["rows"] < state["total"]:
            time.sleep(0.06)
            text = io.StringIO()
            numbers = range(state["rows"], min(state["rows"] + state["batch"], state["total"]))
            rows = [(f"s{n:05}", n * 37 % 400 / 10) for n in numbers]
            csv.writer(text).writerows(rows)
            file.write(text.getvalue().encode())
            file.flush()
            os.fsync(file.fileno())
            if args.ledger:
                with open(args.ledger, "a") as ledger:
                    for sensor, _ in rows:
                        ledger.write(json.dumps({"task": export, "record": sensor}) + "\n")
            state |= {"rows": numbers.stop, "bytes": file.tell()}
            save(export, state)


def writer():
    with (args.dir / "writer.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        unfinished = [path for path in args.dir.glob("*.state") if not path.name.startswith(".")]
        for path in sorted(unfinished, key=lambda path: path.stat().st_mtime):
            write(path.stem)
        while True:
            write(waiting.get())


mcp = FastMCP("readings")


@mcp.tool
def export_readings(total: int, batch: int) -> dict:
    export = f"export-{uuid4()}"
    (args.dir / f"{export}.csv").write_bytes(HEADER.encode())
    save(export, {"total": total, "batch": batch, "rows": 0, "bytes": len(HEADER)})
    waiting.put(export)
    return {"export": export}


@mcp.tool
def export_state(export: str) -> dict:
    try:
        state = checkpoint(export)
    except FileNotFoundError:
        raise ToolError(f"there is no {export}") from None
    word = "finished" if state["rows"] == state["total"] else "busy" if state["rows"] else "new"
    return {"export": export, "state": word, "rows": state["rows"], "expected": state["total"]}


if __name__ == "__main__":
    threading.Thread(target=writer, daemon=True).start()
    mcp.run(transport="http", port=args.port, show_banner=False, log_level="warning")
