"""Sets type, a line at a time. A supervisor forks a clerk, who answers, and two compositors, of whom one has the baton.

The baton is a file that its holder touches; where nobody has touched it for 0.4 s, the other one takes it, and counts
the hand-over in the store. A line counts where that number is still the compositor's, which is asked in the line's
transaction. A compositor goes home after nine lines and gives the baton back; the supervisor sends another one.

--looks-first: whose the baton is, is asked before a line is set, and not when it is put down.
"""

import argparse
import ctypes
import json
import os
import signal
import sqlite3
import sys
import time
import uuid
from contextlib import suppress
from pathlib import Path

from fastmcp import FastMCP
from fastmcp.exceptions import ToolError

parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int, required=True)
parser.add_argument("--shop", type=Path, required=True)
parser.add_argument("--ledger")
parser.add_argument("--looks-first", action="store_true")
args = parser.parse_args()

BATON, STALE_S, LINES = args.shop / "baton", 0.4, 9


def connect():
    return sqlite3.connect(args.shop / "shop.db", isolation_level=None, timeout=20)


def set_up():
    args.shop.mkdir(parents=True, exist_ok=True)
    db = connect()
    db.execute("PRAGMA journal_mode = WAL")
    db.executescript("""
        CREATE TABLE IF NOT EXISTS galleys (id TEXT PRIMARY KEY, of INT, line INT, done INT DEFAULT 0);
        CREATE TABLE IF NOT EXISTS letters (galley TEXT, letter INT, sort TEXT);
        CREATE INDEX IF NOT EXISTS by_galley ON letters (galley, letter);
        CREATE TABLE IF NOT EXISTS hands (n INT);
        INSERT INTO hands SELECT 0 WHERE NOT EXISTS (SELECT * FROM hands);
    """)
    db.close()


def reach_for_the_baton(db, me):
    """The number of the hand-over, or None while somebody else has it."""
    try:
        if time.time() - BATON.stat().st_mtime < STALE_S:
            return None
        BATON.unlink()
    except FileNotFoundError:
        pass
    try:
        with BATON.open("x") as baton:
            baton.write(me)
    except FileExistsError:
        return None
    db.execute("BEGIN IMMEDIATE")
    db.execute("UPDATE hands SET n = n + 1")
    (hand,) = db.execute("SELECT n FROM hands").fetchone()
    db.execute("COMMIT")
    return hand


def still_ours(db, hand):
    return db.execute("SELECT n FROM hands").fetchone() == (hand,)


def touch(me):
    try:
        if BATON.read_text() == me:
            os.utime(BATON)
    except FileNotFoundError:
        pass


def set_a_line(db, me, hand):
    """False where the baton has gone to somebody else."""
    if not still_ours(db, hand):
        return False
    touch(me)
    job = db.execute("SELECT id, of, line, done FROM galleys WHERE done < of ORDER BY rowid LIMIT 1").fetchone()
    if job is None:
        time.sleep(0.02)
        return None
    galley, of, line, done = job
    for _ in range(3):
        time.sleep(0.02)
    letters = range(done, min(done + line, of))
    db.execute("BEGIN IMMEDIATE")
    if not args.looks_first and not still_ours(db, hand):
        db.execute("ROLLBACK")
        return False
    if args.ledger:
        with open(args.ledger, "a") as ledger:
            ledger.write("".join(json.dumps({"task": galley, "record": n}) + "\n" for n in letters))
    db.executemany("INSERT INTO letters VALUES (?, ?, ?)", [(galley, n, chr(97 + n * 11 % 26)) for n in letters])
    db.execute("UPDATE galleys SET done = ? WHERE id = ?", (letters.stop, galley))
    db.execute("COMMIT")
    return True


def compositor():
    db, me, lines = connect(), uuid.uuid4().hex, 0
    while True:
        hand = reach_for_the_baton(db, me)
        if hand is None:
            time.sleep(0.02)
            continue
        while (line := set_a_line(db, me, hand)) is not False:
            lines += bool(line)
            if lines == LINES:
                if BATON.exists() and BATON.read_text() == me:
                    BATON.unlink()
                return


mcp = FastMCP("composing-room")


@mcp.tool
def compose(letters: int, line: int) -> dict:
    """Set so many letters in a new galley, a line at a time."""
    galley = uuid.uuid4().hex[:12]
    connect().execute("INSERT INTO galleys (id, of, line) VALUES (?, ?, ?)", (galley, letters, line))
    return {"galley": {"id": galley}}


@mcp.tool
def proof(galley: str) -> dict:
    """How far a galley is."""
    row = connect().execute("SELECT of, done FROM galleys WHERE id = ?", (galley,)).fetchone()
    if row is None:
        raise ToolError(f"there is no galley {galley}")
    return {"at": "locked up" if row[0] == row[1] else "in the stick", "set": row[1], "of": row[0]}


@mcp.tool
def read_letters(galley: str) -> list[dict]:
    """The letters of a galley."""
    rows = connect().execute("SELECT letter, sort FROM letters WHERE galley = ? ORDER BY letter", (galley,))
    return [{"n": n, "sort": sort} for n, sort in rows]


def clerk():
    mcp.run(transport="http", port=args.port, show_banner=False, log_level="error")


def send(what):
    supervisor = os.getpid()
    child = os.fork()
    if child:
        return child
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # ends with the supervisor
    try:
        if os.getppid() == supervisor:
            what()
    finally:
        os._exit(0)


def supervise():
    set_up()
    crew = {}

    def close(*_):
        for child in crew:
            with suppress(ProcessLookupError, ChildProcessError):
                os.kill(child, signal.SIGTERM)
                os.waitpid(child, 0)
        os._exit(0)

    signal.signal(signal.SIGTERM, close)
    for what in (clerk, compositor, compositor):
        crew[send(what)] = what
    while True:
        child, _ = os.wait()
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        what = crew.pop(child)
        time.sleep(0.05)
        crew[send(what)] = what
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})


if __name__ == "__main__":
    sys.exit(supervise())
