"""Exports tickets in a thread. When an export is complete its scratch rows are tidied away: the result is in memory."""

import argparse
import json
import sqlite3
import threading
import time
from pathlib import Path
from uuid import uuid4

from fastmcp import FastMCP
from fastmcp.exceptions import ToolError

parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int, default=8000)
parser.add_argument("--dir", type=Path, default=Path())
args = parser.parse_args()

db = sqlite3.connect(args.dir / "exports.db", check_same_thread=False)
db.execute("CREATE TABLE IF NOT EXISTS exports (id TEXT PRIMARY KEY, total INT, batch INT, done INT)")
db.execute("CREATE TABLE IF NOT EXISTS scratch (export TEXT, n INT, subject TEXT, PRIMARY KEY (export, n))")
lock = threading.Lock()
results = {}
mcp = FastMCP("ticket exports")


def rows(export):
    found = db.execute("SELECT n, subject FROM scratch WHERE export = ? ORDER BY n", (export,))
    return [{"n": n, "subject": subject} for n, subject in found]


def work(export, total, batch, done):
    while done < total:
        time.sleep(0.03)
        upto = min(done + batch, total)
        with lock, db:
            found = [(export, n, f"Ticket {n}") for n in range(done, upto)]
            db.executemany("INSERT INTO scratch VALUES (?, ?, ?)", found)
            if upto == total:
                results[export] = rows(export)
                db.execute("DELETE FROM scratch WHERE export = ?", (export,))
            db.execute("UPDATE exports SET done = ? WHERE id = ?", (upto, export))
        done = upto


@mcp.tool
def start_export(total: int, batch: int) -> dict:
    export = uuid4().hex
    with lock, db:
        db.execute("INSERT INTO exports VALUES (?, ?, ?, 0)", (export, total, batch))
    threading.Thread(target=work, args=(export, total, batch, 0), daemon=True).start()
    return {"export_id": export}


@mcp.tool
def export_status(export_id: str) -> dict:
    with lock:
        row = db.execute("SELECT total, done FROM exports WHERE id = ?", (export_id,)).fetchone()
    if row is None:
        raise ToolError(f"There is no export {export_id}")
    total, done = row
    state = "completed" if done == total else "running"
    return {"export_id": export_id, "state": state, "tickets": {"done": done, "of": total}}


@mcp.resource("export://{export_id}")
def tickets(export_id: str) -> str:
    with lock:
        return json.dumps(results.get(export_id) or rows(export_id))


for unfinished in db.execute("SELECT id, total, batch, done FROM exports WHERE done < total").fetchall():
    threading.Thread(target=work, args=unfinished, daemon=True).start()
mcp.run(transport="http", port=args.port, show_banner=False)
