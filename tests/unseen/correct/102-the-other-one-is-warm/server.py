"""Rings changes on a peal of bells, a course at a time. Two servers on one SQLite store, one of them as a backup.

One of them leads, for a term; a leader has what is under way in memory, and reads it anew for each term. It beats ten
times a second, and a beat holds for 0.6 s. The first server takes the lead whenever it has not got it, the backup
when no beat holds any more. A course counts in the term in which it was begun. Both answer; ``--front`` asks the
first one if it is there.

--renews-what-it-had: a beat says that the lead is ours, as it was at the beat before, and a course counts while it
is.
"""

import argparse
import asyncio
import json
import sqlite3
import threading
import time
import uuid

parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int, required=True)
parser.add_argument("--store")
parser.add_argument("--ledger")
parser.add_argument("--backup", action="store_true")
parser.add_argument("--renews-what-it-had", action="store_true")
parser.add_argument("--front", type=int, nargs=2, metavar=("FIRST", "BACKUP"))
args = parser.parse_args()

ME, HOLDS_S, BEAT_S = uuid.uuid4().hex[:8], 0.6, 0.1
lead = {"term": None}


def connect():
    return sqlite3.connect(args.store, isolation_level=None, timeout=20)


def set_up():
    db = connect()
    db.execute("PRAGMA journal_mode = WAL")
    db.executescript("""
        CREATE TABLE IF NOT EXISTS peals (id TEXT PRIMARY KEY, changes INT, course INT, rung INT DEFAULT 0);
        CREATE TABLE IF NOT EXISTS changes (peal TEXT, change INT, bells TEXT);
        CREATE INDEX IF NOT EXISTS by_peal ON changes (peal, change);
        CREATE TABLE IF NOT EXISTS leader (term INT, name TEXT, until REAL);
        BEGIN IMMEDIATE;
        INSERT INTO leader SELECT 0, '', 0 WHERE NOT EXISTS (SELECT * FROM leader);
        COMMIT;
    """)
    db.close()


def beat():
    db = connect()
    while True:
        now = time.time()
        if args.renews_what_it_had and lead["term"]:
            db.execute("UPDATE leader SET name = ?, until = ?", (ME, now + HOLDS_S))
        elif not db.execute(
            "UPDATE leader SET until = ? WHERE name = ? AND term = ?", (now + HOLDS_S, ME, lead["term"])
        ).rowcount:
            lead["term"] = None
            db.execute("BEGIN IMMEDIATE")
            term, until = db.execute("SELECT term, until FROM leader").fetchone()
            if not args.backup or until < time.time():
                db.execute("UPDATE leader SET term = ?, name = ?, until = ?", (term + 1, ME, time.time() + HOLDS_S))
                db.execute("COMMIT")
                lead["term"] = term + 1
            else:
                db.execute("ROLLBACK")
        time.sleep(BEAT_S)


def leads(db, term):
    if args.renews_what_it_had:
        return db.execute("SELECT name FROM leader").fetchone() == (ME,)
    return db.execute("SELECT term FROM leader").fetchone() == (term,)


def ring():
    db, term, peals = connect(), None, {}
    while True:
        if lead["term"] is None:
            time.sleep(0.01)
            continue
        if term != lead["term"]:
            term, peals = lead["term"], {}
        for peal, changes, course, rung in db.execute(
            "SELECT * FROM peals WHERE rung < changes ORDER BY rowid"
        ).fetchall():
            peals.setdefault(peal, {"changes": changes, "course": course, "rung": rung})
        peal, it = next(((peal, it) for peal, it in peals.items() if it["rung"] < it["changes"]), (None, None))
        if peal is None:
            time.sleep(0.01)
            continue
        time.sleep(0.065)
        course = range(it["rung"], min(it["rung"] + it["course"], it["changes"]))
        db.execute("BEGIN IMMEDIATE")
        if not leads(db, term):
            db.execute("ROLLBACK")
            time.sleep(0.01)
            continue
        if args.ledger:
            with open(args.ledger, "a") as ledger:
                ledger.write("".join(json.dumps({"task": peal, "record": n}) + "\n" for n in course))
        db.executemany("INSERT INTO changes VALUES (?, ?, ?)", [(peal, n, f"{n * 37 % 5040:04}") for n in course])
        db.execute("UPDATE peals SET rung = ? WHERE id = ?", (course.stop, peal))
        db.execute("COMMIT")
        it["rung"] = course.stop


def serve():
    from fastmcp import FastMCP
    from fastmcp.resources import ResourceContent, ResourceResult
    from mcp.shared.exceptions import MCPError

    mcp = FastMCP("bells")

    def row(peal):
        found = connect().execute("SELECT changes, rung FROM peals WHERE id = ?", (peal,)).fetchone()
        if found is None:
            raise MCPError(code=-32602, message=f"nobody has called a peal {peal}")
        return found

    @mcp.tool
    def call_peal(changes: int, course: int) -> dict:
        """Ring so many changes, a course at a time."""
        peal = uuid.uuid4().hex[:12]
        connect().execute("INSERT INTO peals (id, changes, course) VALUES (?, ?, ?)", (peal, changes, course))
        return {"peal": peal, "listen": f"bells://peals/{peal}"}

    @mcp.resource("bells://peals/{peal}")
    def listen(peal: str) -> ResourceResult:
        changes, rung = row(peal)
        document = {"peal": peal, "state": "stood" if rung == changes else "ringing", "rung": rung, "changes": changes}
        return ResourceResult([ResourceContent(json.dumps(document), mime_type="application/json")])

    @mcp.resource("bells://peals/{peal}/changes")
    def changes(peal: str) -> list:
        row(peal)
        rows = connect().execute("SELECT change, bells FROM changes WHERE peal = ? ORDER BY change", (peal,))
        return [{"change": change, "bells": bells} for change, bells in rows]

    mcp.run(transport="http", port=args.port, stateless_http=True, show_banner=False, log_level="error")


async def relay(reader, writer):
    try:
        try:
            there = await asyncio.open_connection("127.0.0.1", args.front[0])
        except OSError:
            there = await asyncio.open_connection("127.0.0.1", args.front[1])
    except OSError:
        writer.close()
        return

    async def pump(source, sink):
        try:
            while block := await source.read(65536):
                sink.write(block)
                await sink.drain()
        except OSError:
            pass
        sink.close()

    await asyncio.gather(pump(reader, there[1]), pump(there[0], writer))


async def front():
    async with await asyncio.start_server(relay, "127.0.0.1", args.port) as door:
        await door.serve_forever()


if __name__ == "__main__":
    if args.front:
        asyncio.run(front())
    set_up()
    for what in (beat, ring):
        threading.Thread(target=what, daemon=True).start()
    serve()
