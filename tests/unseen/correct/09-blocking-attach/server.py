"""Anonymises patients. The call blocks, but the job goes on without it; who calls again attaches."""

import argparse
import asyncio
import json
import sqlite3
from contextlib import asynccontextmanager
from pathlib import Path

from fastmcp import Context, FastMCP

parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int, default=8000)
parser.add_argument("--dir", type=Path, default=Path())
parser.add_argument("--ledger")
args = parser.parse_args()

db = sqlite3.connect(args.dir / "patients.db", timeout=20)
db.execute("CREATE TABLE IF NOT EXISTS jobs (key TEXT PRIMARY KEY, client TEXT, total INT, batch INT, done INT)")
db.execute("CREATE TABLE IF NOT EXISTS patients (client TEXT, job TEXT, n INT, name TEXT, PRIMARY KEY (job, n))")
jobs = {}
moved = asyncio.Condition()


async def anonymise(key):
    client, total, batch, done = db.execute(
        "SELECT client, total, batch, done FROM jobs WHERE key = ?", (key,)
    ).fetchone()
    while done < total:
        await asyncio.sleep(0.05)
        numbers = range(done, min(done + batch, total))
        if args.ledger:
            with open(args.ledger, "a") as ledger:
                ledger.writelines(json.dumps({"task": client, "record": n}) + "\n" for n in numbers)
        with db:
            step = (numbers.stop, key, done)
            if db.execute("UPDATE jobs SET done = ? WHERE key = ? AND done = ?", step).rowcount:
                rows = [(client, key, n, f"Patient {n:04}") for n in numbers]
                db.executemany("INSERT INTO patients VALUES (?, ?, ?, ?)", rows)
        (done,) = db.execute("SELECT done FROM jobs WHERE key = ?", (key,)).fetchone()
        async with moved:
            moved.notify_all()


def ensure(key):
    if key not in jobs:
        jobs[key] = asyncio.create_task(anonymise(key))


@asynccontextmanager
async def lifespan(_):
    for (key,) in db.execute("SELECT key FROM jobs WHERE done < total").fetchall():
        ensure(key)
    yield


mcp = FastMCP("anonymiser", lifespan=lifespan)


@mcp.tool
async def anonymise_patients(ward: str, patients: int, batch: int, context: Context) -> str:
    """Call it again with the same arguments and it continues, or answers at once if all is done."""
    key = f"{ward}/{patients}/{batch}"
    with db:
        db.execute("INSERT OR IGNORE INTO jobs VALUES (?, ?, ?, ?, 0)", (key, ward, patients, batch))
    ensure(key)
    seen = -1
    while seen < patients:
        async with moved:
            (done,) = db.execute("SELECT done FROM jobs WHERE key = ?", (key,)).fetchone()
            if done == seen:
                await moved.wait()
                continue
        seen = done
        if seen:
            await context.report_progress(seen, patients)
    return f"All {patients} patients of ward {ward} are anonymous now."


@mcp.resource("ward://{ward}/patients")
async def patients(ward: str) -> str:
    rows = db.execute("SELECT n, name FROM patients WHERE client = ? ORDER BY n", (ward,))
    return json.dumps([{"number": n, "name": name} for n, name in rows])


if __name__ == "__main__":
    mcp.run(transport="http", port=args.port, show_banner=False, log_level="warning")
