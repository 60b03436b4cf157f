"""Imports a CSV file of customers into SQLite: start_import, get_import_status, get_import_rows.

Lines without an address or an amount are refused; how far the file was read stands beside the rows that it gave.

--by-count: an import goes on behind as many lines as there are rows in the table.
"""

import argparse
import csv
import fcntl
import json
import sqlite3
import threading
import time
import uuid
from contextlib import asynccontextmanager, closing
from pathlib import Path

from fastmcp import FastMCP
from fastmcp.exceptions import ToolError

parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int, required=True)
parser.add_argument("--data", type=Path, required=True)
parser.add_argument("--ledger", required=True)
parser.add_argument("--by-count", action="store_true")
args = parser.parse_args()
args.data.mkdir(parents=True, exist_ok=True)
only_one = (args.data / "instance.lock").open("w")


def connect():
    db = sqlite3.connect(args.data / "crm.db", timeout=30, isolation_level=None)
    db.row_factory = sqlite3.Row
    return closing(db)


def write_sample(path, rows):
    """The file that somebody has exported from the shop; every sixth line or so cannot be used."""
    with path.open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow(["id", "name", "email", "amount"])
        for number in range(1, rows + 1):
            name = f'Customer "{number}"\nDept. {number % 7}'
            out.writerow([number, name, f"c{number}@example.org", f"{number * 37 % 1000}.{number % 100:02}"])
            if number % 6 == 2:
                out.writerow([f"x{number}", "", "", "n/a"])


def parse(line):
    if "@" not in line["email"]:
        return None
    return int(line["id"]), " ".join(line["name"].split()), line["email"], round(float(line["amount"]) * 100)


def run_import(import_id):
    with connect() as db:
        job = db.execute("SELECT * FROM imports WHERE id = ?", (import_id,)).fetchone()
        with open(job["path"], newline="") as file:
            lines = list(csv.DictReader(file))
        place = job["lines_read"]
        if args.by_count:
            (place,) = db.execute("SELECT count(*) FROM customers WHERE import_id = ?", (import_id,)).fetchone()
        while place < len(lines):
            chunk = lines[place : place + job["chunk"]]
            time.sleep(0.04)
            good = [row for row in map(parse, chunk) if row]
            with open(args.ledger, "a") as ledger:
                ledger.writelines(json.dumps({"task": import_id, "record": row[0]}) + "\n" for row in good)
            place += len(chunk)
            db.execute("BEGIN IMMEDIATE")
            db.executemany("INSERT INTO customers VALUES (NULL, ?, ?, ?, ?, ?)", [(import_id, *row) for row in good])
            db.execute("UPDATE imports SET lines_read = ? WHERE id = ?", (place, import_id))
            db.execute("COMMIT")
        db.execute("UPDATE imports SET status = 'completed' WHERE id = ?", (import_id,))


def launch(import_id):
    threading.Thread(target=run_import, args=(import_id,), daemon=True).start()


@asynccontextmanager
async def lifespan(_):
    fcntl.flock(only_one, fcntl.LOCK_EX)
    with connect() as db:
        db.executescript("""
            PRAGMA journal_mode = WAL;
            CREATE TABLE IF NOT EXISTS imports (id TEXT PRIMARY KEY, path, lines, chunk, lines_read DEFAULT 0,
                status DEFAULT 'running');
            CREATE TABLE IF NOT EXISTS customers (row INTEGER PRIMARY KEY, import_id, id, name, email, cents);
        """)
        for job in db.execute("SELECT id FROM imports WHERE status = 'running'").fetchall():
            launch(job["id"])
    yield


mcp = FastMCP("crm-import", lifespan=lifespan)


@mcp.tool
def start_import(rows: int, chunk_size: int = 10) -> dict:
    """Imports a sample file with so many usable rows. Returns at once; follow it with get_import_status."""
    import_id = uuid.uuid4().hex[:12]
    path = args.data / f"{import_id}.csv"
    write_sample(path, rows)
    with path.open(newline="") as file:
        lines = sum(1 for _ in csv.DictReader(file))
    with connect() as db:
        db.execute(
            "INSERT INTO imports (id, path, lines, chunk) VALUES (?, ?, ?, ?)",
            (import_id, str(path), lines, chunk_size),
        )
    launch(import_id)
    return {"import_id": import_id, "status": "running", "total_lines": lines}


@mcp.tool
def get_import_status(import_id: str) -> dict:
    with connect() as db:
        db.execute("BEGIN")
        job = db.execute("SELECT * FROM imports WHERE id = ?", (import_id,)).fetchone()
        if job is None:
            raise ToolError(f"unknown import: {import_id}")
        (rows,) = db.execute("SELECT count(*) FROM customers WHERE import_id = ?", (import_id,)).fetchone()
    return {
        "import_id": import_id,
        "status": job["status"],
        "processed_lines": job["lines_read"],
        "total_lines": job["lines"],
        "imported_rows": rows,
        "rejected_rows": job["lines_read"] - rows,
    }


@mcp.tool
def get_import_rows(import_id: str, offset: int = 0, limit: int = 50) -> dict:
    query = "SELECT id, name, email, cents FROM customers WHERE import_id = ? ORDER BY row LIMIT ? OFFSET ?"
    with connect() as db:
        rows = [dict(row) for row in db.execute(query, (import_id, limit, offset))]
    return {"rows": rows, "next_offset": offset + limit if len(rows) == limit else None}


if __name__ == "__main__":
    mcp.run(transport="http", port=args.port, show_banner=False, log_level="warning")
