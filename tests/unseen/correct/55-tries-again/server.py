"""Uploads photographs to a place that is sometimes busy. What was refused is tried again, three times, and it says so.

--attempts: an upload that was begun three times is given up, so that one that ends the process cannot do so for ever.
"""

import argparse
import asyncio
import json
import sqlite3
from contextlib import asynccontextmanager

from fastmcp import FastMCP
from fastmcp.exceptions import ToolError

parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int, required=True)
parser.add_argument("--db", required=True)
parser.add_argument("--ledger", required=True)
parser.add_argument("--attempts", action="store_true")
args = parser.parse_args()

db = sqlite3.connect(args.db, isolation_level=None)
db.executescript("""
    PRAGMA synchronous = FULL;
    CREATE TABLE IF NOT EXISTS uploads (
        number INTEGER PRIMARY KEY, photos INT, roll INT, state TEXT DEFAULT 'pending', begun INT DEFAULT 0, note TEXT);
    CREATE TABLE IF NOT EXISTS photos (upload INT, photo INT, etag TEXT, PRIMARY KEY (upload, photo));
""")
at_work = set()


class Busy(Exception):
    """The place has no time."""


async def send(upload, photos, attempt):
    """Every third roll is refused at first."""
    await asyncio.sleep(0.02)
    if photos.start // max(len(photos), 1) % 3 == 1 and attempt == 0:
        raise Busy("503 slow down")
    with open(args.ledger, "a") as ledger:
        ledger.writelines(json.dumps({"task": str(upload), "record": photo}) + "\n" for photo in photos)
    return [(upload, photo, f'W/"{photo * 48271 % 65537:x}"') for photo in photos]


def mark(upload, state, note=""):
    db.execute("UPDATE uploads SET state = ?, note = ? WHERE number = ?", (state, note, upload))


async def upload_all(upload):
    db.execute("UPDATE uploads SET begun = begun + 1 WHERE number = ?", (upload,))
    of, roll, begun = db.execute("SELECT photos, roll, begun FROM uploads WHERE number = ?", (upload,)).fetchone()
    if args.attempts and begun > 3:
        mark(upload, "failed", "gave up after three attempts")
        return
    attempt = 0
    while True:
        (done,) = db.execute("SELECT count(*) FROM photos WHERE upload = ?", (upload,)).fetchone()
        if done == of:
            mark(upload, "uploaded")
            return
        try:
            rows = await send(upload, range(done, min(done + roll, of)), attempt)
        except Busy as busy:
            attempt += 1
            if attempt == 3:
                mark(upload, "failed", str(busy))
                return
            mark(upload, "retrying", f"attempt {attempt}: {busy}")
            await asyncio.sleep(0.06)
            continue
        attempt = 0
        db.execute("BEGIN IMMEDIATE")
        db.executemany("INSERT INTO photos VALUES (?, ?, ?)", rows)
        mark(upload, "uploading")
        db.execute("COMMIT")


def begin(upload):
    task = asyncio.create_task(upload_all(upload))
    at_work.add(task)
    task.add_done_callback(at_work.discard)


@asynccontextmanager
async def lifespan(_):
    for (upload,) in db.execute("SELECT number FROM uploads WHERE state NOT IN ('uploaded', 'failed')").fetchall():
        begin(upload)
    yield


mcp = FastMCP("photographs", lifespan=lifespan)


@mcp.tool
async def upload_photos(photos: int, roll: int) -> str:
    upload = db.execute("INSERT INTO uploads (photos, roll) VALUES (?, ?)", (photos, roll)).lastrowid
    begin(upload)
    return json.dumps({"upload": upload, "see": f"upload://{upload}"})


@mcp.resource("upload://{upload}", mime_type="application/json")
async def state_of(upload: int) -> str:
    row = db.execute("SELECT photos, state, note FROM uploads WHERE number = ?", (upload,)).fetchone()
    if row is None:
        raise ToolError(f"there is no upload {upload}")
    (done,) = db.execute("SELECT count(*) FROM photos WHERE upload = ?", (upload,)).fetchone()
    return json.dumps({"upload": upload, "state": row[1], "note": row[2], "done": done, "photos": row[0]})


@mcp.resource("upload://{upload}/photos", mime_type="application/json")
async def photos_of(upload: int) -> str:
    rows = db.execute("SELECT photo, etag FROM photos WHERE upload = ? ORDER BY etag", (upload,))
    return json.dumps([{"etag": etag, "photo": photo} for photo, etag in rows])


if __name__ == "__main__":
    mcp.run(transport="http", port=args.port, show_banner=False, log_level="error")
