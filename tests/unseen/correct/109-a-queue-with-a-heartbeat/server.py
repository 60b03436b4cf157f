"""Makes thumbnails from a queue in SQLite: enqueue_images, queue_status, finished_images.

Two threads claim rows by UPDATE ... RETURNING, a third one beats for all that this life has claimed. A row whose
heartbeat is half a second old belongs to a life that has ended, and is claimed again. Who has lost a row drops it.

--beats-later: a claim leaves the heartbeat to the thread that beats, and whoever's row has an old one is claimed.
"""

import argparse
import json
import sqlite3
import threading
import time
import uuid
from contextlib import asynccontextmanager, closing

from fastmcp import FastMCP
from fastmcp.exceptions import ToolError

parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int, required=True)
parser.add_argument("--db", required=True)
parser.add_argument("--ledger", required=True)
parser.add_argument("--beats-later", action="store_true")
args = parser.parse_args()

LIFE = uuid.uuid4().hex
STALE_S, BEAT_S, WORK_S = 0.5, 0.1, 0.05
SCHEMA = """
    PRAGMA journal_mode = WAL;
    CREATE TABLE IF NOT EXISTS jobs (id INTEGER PRIMARY KEY AUTOINCREMENT, images INTEGER, at_once INTEGER);
    CREATE TABLE IF NOT EXISTS queue (id INTEGER PRIMARY KEY, job INTEGER, image TEXT, state TEXT DEFAULT 'ready',
        owner TEXT, heartbeat REAL);
    CREATE TABLE IF NOT EXISTS thumbnails (job INTEGER, image TEXT, width INTEGER, height INTEGER);
    CREATE INDEX IF NOT EXISTS by_state ON queue (state, id);
    CREATE INDEX IF NOT EXISTS by_job ON thumbnails (job);
"""
FREE = "(state = 'ready' OR state = 'claimed' AND heartbeat < :stale AND owner <> :life)"
CLAIM = "UPDATE queue SET state = 'claimed', owner = :life, heartbeat = :now"
if args.beats_later:
    FREE = "(state = 'ready' OR state = 'claimed' AND heartbeat < :stale)"
    CLAIM = "UPDATE queue SET state = 'claimed', owner = :life"


def connect():
    db = sqlite3.connect(args.db, timeout=30, isolation_level=None)
    db.row_factory = sqlite3.Row
    return db


def claim(db):
    """Up to half of what its job may have in hand."""
    values = {"life": LIFE, "now": time.time(), "stale": time.time() - STALE_S}
    db.execute("BEGIN IMMEDIATE")
    query = f"SELECT jobs.id, at_once FROM queue JOIN jobs ON jobs.id = job WHERE {FREE} ORDER BY queue.id LIMIT 1"
    rows = []
    if job := db.execute(query, values).fetchone():
        values["job"] = job["id"]
        in_hand = "SELECT count(*) FROM queue WHERE job = :job AND state = 'claimed' AND owner = :life"
        left = job["at_once"] - db.execute(in_hand, values).fetchone()[0]
        values["limit"] = max(0, min((job["at_once"] + 1) // 2, left))
        which = f"SELECT id FROM queue WHERE job = :job AND {FREE} ORDER BY id LIMIT :limit"
        rows = db.execute(f"{CLAIM} WHERE id IN ({which}) RETURNING id, job, image", values).fetchall()
    db.execute("COMMIT")
    return sorted(rows, key=lambda row: row["id"])


def work():
    db = connect()
    while True:
        rows = claim(db)
        if not rows:
            time.sleep(0.02)
            continue
        time.sleep(WORK_S)
        with open(args.ledger, "a") as ledger:
            ledger.write("".join(json.dumps({"task": row["job"], "record": row["image"]}) + "\n" for row in rows))
        db.execute("BEGIN IMMEDIATE")
        for row in rows:
            mine = db.execute("UPDATE queue SET state = 'done' WHERE id = ? AND owner = ?", (row["id"], LIFE))
            if mine.rowcount:
                size = (160, 90 + sum(row["image"].encode()) % 71)
                db.execute("INSERT INTO thumbnails VALUES (?, ?, ?, ?)", (row["job"], row["image"], *size))
        db.execute("COMMIT")


def beat():
    db = connect()
    while True:
        time.sleep(BEAT_S)
        db.execute("UPDATE queue SET heartbeat = ? WHERE state = 'claimed' AND owner = ?", (time.time(), LIFE))


@asynccontextmanager
async def lifespan(_):
    with closing(connect()) as db:
        db.executescript(SCHEMA)
    for target in (work, work, beat):
        threading.Thread(target=target, daemon=True).start()
    yield


mcp = FastMCP("thumbnails", lifespan=lifespan)


@mcp.tool
def enqueue_images(folder: str, images: int, at_once: int = 20) -> dict:
    """Puts the images of a folder into the queue."""
    with closing(connect()) as db:
        db.execute("BEGIN IMMEDIATE")
        job = db.execute("INSERT INTO jobs (images, at_once) VALUES (?, ?)", (images, at_once)).lastrowid
        rows = [(job, f"{folder}/img_{number:05}.jpg") for number in range(images)]
        db.executemany("INSERT INTO queue (job, image) VALUES (?, ?)", rows)
        db.execute("COMMIT")
    return {"job_id": job, "queued": images}


@mcp.tool
def queue_status(job_id: int) -> dict:
    with closing(connect()) as db:
        db.execute("BEGIN")
        job = db.execute("SELECT images FROM jobs WHERE id = ?", (job_id,)).fetchone()
        if job is None:
            raise ToolError(f"no job {job_id}")
        (done,) = db.execute("SELECT count(*) FROM thumbnails WHERE job = ?", (job_id,)).fetchone()
        left = db.execute("SELECT state FROM queue WHERE job = ? AND state <> 'done'", (job_id,)).fetchall()
    state = "done" if not left else "processing" if done or any(row["state"] == "claimed" for row in left) else "queued"
    return {"job_id": job_id, "state": state, "done": done, "total": job["images"]}


@mcp.tool
def finished_images(job_id: int) -> list[dict]:
    with closing(connect()) as db:
        rows = db.execute("SELECT image, width, height FROM thumbnails WHERE job = ? ORDER BY image", (job_id,))
        return [dict(row) for row in rows]


if __name__ == "__main__":
    mcp.run(transport="http", port=args.port, show_banner=False, log_level="warning")
