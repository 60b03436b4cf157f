"""Enriches contacts while the caller waits: enrich_contacts(job, ...). Called again under the same name, it goes on.

Runs as `python server.py`, and keeps its results in ~/.enrich/results.db: a row for each contact, under a unique index.

--last-row: a call numbers its rows from the last one's number on, and not behind it.
"""

import argparse
import asyncio
import hashlib
import sqlite3
import time
from contextlib import closing
from pathlib import Path

from fastmcp import Context, FastMCP

parser = argparse.ArgumentParser()
parser.add_argument("--last-row", action="store_true")
args = parser.parse_args()
store = Path.home() / ".enrich" / "results.db"
mcp = FastMCP("enrich")

TABLES = """
    CREATE TABLE IF NOT EXISTS results (job TEXT, row_no INTEGER, contact TEXT, company TEXT, score INTEGER);
    CREATE UNIQUE INDEX IF NOT EXISTS one_row_each ON results (job, row_no);
"""


def connect():
    store.parent.mkdir(parents=True, exist_ok=True)
    return closing(sqlite3.connect(store, timeout=30, isolation_level=None))


def place_of(db, job):
    """How many contacts were done, and the number of the next row."""
    done, last = db.execute("SELECT count(*), max(row_no) FROM results WHERE job = ?", (job,)).fetchone()
    if not done:
        return 0, 0
    return done, last if args.last_row else last + 1


def look_up(index):
    """Stands for an API that is paid for by the call."""
    email = f"person{index:04}@corp{index % 17}.example"
    score = int.from_bytes(hashlib.sha1(email.encode()).digest()[:2], "big") % 101
    return email, f"Corp {index % 17}", score


def next_chunk(job, contacts, chunk, place):
    """Locks, reads where the job is, does a chunk, and commits it. Whoever else is at this job waits meanwhile."""
    with connect() as db:
        db.execute("BEGIN IMMEDIATE")
        done, row = place if args.last_row and place else place_of(db, job)
        indexes = range(done, min(done + chunk, contacts))
        if indexes:
            time.sleep(0.05)
        found = [(job, row + offset, *look_up(index)) for offset, index in enumerate(indexes)]
        db.executemany("INSERT OR IGNORE INTO results VALUES (?, ?, ?, ?, ?)", found)
        db.execute("COMMIT")
    return done + len(found), row + len(found)


def results(job):
    query = "SELECT contact, company, score FROM results WHERE job = ? ORDER BY row_no"
    with connect() as db:
        return [{"contact": who, "company": where, "score": score} for who, where, score in db.execute(query, (job,))]


@mcp.tool
async def enrich_contacts(job: str, contacts: int, context: Context, chunk: int = 25) -> dict:
    """Looks up each contact. Takes minutes. If it is interrupted, call it again with the same job name."""
    with connect() as db:
        db.executescript(TABLES)
    place = None
    while place is None or place[0] < contacts:
        place = await asyncio.to_thread(next_chunk, job, contacts, chunk, place)
        await context.report_progress(place[0], contacts)
    rows = await asyncio.to_thread(results, job)
    return {"job": job, "status": "completed", "enriched": len(rows), "contacts": rows}


if __name__ == "__main__":
    mcp.run(show_banner=False)
