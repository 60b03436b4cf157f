"""Picking lists for a warehouse. SQLite in WAL mode; a pick is written to the ledger when the shelf is visited."""

import argparse
import asyncio
import json
import sqlite3
from contextlib import asynccontextmanager
from pathlib import Path

from fastmcp import FastMCP
from fastmcp.exceptions import ToolError

parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int, default=8000)
parser.add_argument("--dir", type=Path, default=Path())
parser.add_argument("--ledger")
args = parser.parse_args()

db = sqlite3.connect(args.dir / "warehouse.db", isolation_level=None)
db.execute("PRAGMA journal_mode = WAL")
db.executescript("""
    CREATE TABLE IF NOT EXISTS orders (id INTEGER PRIMARY KEY AUTOINCREMENT, lines INT, wave INT, picked INT DEFAULT 0);
    CREATE TABLE IF NOT EXISTS picks (order_id INT, line INT, shelf TEXT, PRIMARY KEY (order_id, line));
""")
walks = set()


def visit(order, line):
    if args.ledger:
        with open(args.ledger, "a") as ledger:
            ledger.write(json.dumps({"task": str(order), "record": line}) + "\n")
    return f"{line % 7}-{line * 31 % 101:03}"


async def walk(order):
    while True:
        lines, wave, picked = db.execute("SELECT lines, wave, picked FROM orders WHERE id = ?", (order,)).fetchone()
        if picked == lines:
            return
        found = []
        for line in range(picked, min(picked + wave, lines)):
            await asyncio.sleep(0.006)
            found.append((order, line, visit(order, line)))
        db.execute("BEGIN IMMEDIATE")
        moved = db.execute(
            "UPDATE orders SET picked = ? WHERE id = ? AND picked = ?", (picked + len(found), order, picked)
        )
        if moved.rowcount:  # else another process has picked this wave
            db.executemany("INSERT INTO picks VALUES (?, ?, ?)", found)
        db.execute("COMMIT")


def send_out(order):
    task = asyncio.create_task(walk(order))
    walks.add(task)
    task.add_done_callback(walks.discard)


@asynccontextmanager
async def lifespan(_):
    for (order,) in db.execute("SELECT id FROM orders WHERE picked < lines").fetchall():
        send_out(order)
    yield


mcp = FastMCP("warehouse", lifespan=lifespan)


@mcp.tool
async def create_picking_list(lines: int, wave: int) -> dict:
    order = db.execute("INSERT INTO orders (lines, wave) VALUES (?, ?)", (lines, wave)).lastrowid
    send_out(order)
    return {"order": order, "state": "QUEUED"}


@mcp.tool
async def picking_state(order: int) -> dict:
    row = db.execute("SELECT lines, picked FROM orders WHERE id = ?", (order,)).fetchone()
    if row is None:
        raise ToolError(f"no such order: {order}")
    lines, picked = row
    state = "SUCCEEDED" if picked == lines else "IN_PROGRESS" if picked else "QUEUED"
    return {"order": order, "state": state, "picked": picked, "of": lines}


@mcp.tool
async def picked_lines(order: int) -> list[dict]:
    rows = db.execute("SELECT line, shelf FROM picks WHERE order_id = ? ORDER BY line", (order,))
    return [{"line": line, "shelf": shelf} for line, shelf in rows]


if __name__ == "__main__":
    mcp.run(transport="http", port=args.port, show_banner=False, log_level="warning")
