"""Strings pearls: a call becomes a task of io.modelcontextprotocol/tasks. Revision 2026-07-28 alone, http.server.

Who strings a necklace has a lease of half a second, and makes it longer with each batch. A life that finds a necklace
leased waits until the lease has run out.

--uptime: the clock by which a lease runs out is one that never goes back: seconds since the process began.
"""

import argparse
import json
import sqlite3
import threading
import time
import uuid
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int, required=True)
parser.add_argument("--db", required=True)
parser.add_argument("--ledger")
parser.add_argument("--uptime", action="store_true")
args = parser.parse_args()

TASKS = "io.modelcontextprotocol/tasks"
LEASE_S = 0.5
ME = uuid.uuid4().hex
BEGAN = time.monotonic()


def clock():
    return time.monotonic() - BEGAN if args.uptime else time.time()


def now():
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def connect():
    return sqlite3.connect(args.db, isolation_level=None, timeout=20)


connect().executescript("""
    CREATE TABLE IF NOT EXISTS necklaces (
        id TEXT PRIMARY KEY, pearls INT, batch INT, strung INT DEFAULT 0, cancelled INT DEFAULT 0,
        holder TEXT, until REAL DEFAULT 0, created TEXT, updated TEXT);
    CREATE TABLE IF NOT EXISTS pearls (necklace TEXT, pearl INT, lustre REAL, PRIMARY KEY (necklace, pearl));
""")


def take(db, task):
    """Whether it is ours, for another half second."""
    mine = (ME, clock() + LEASE_S, task, ME, clock())
    return db.execute(
        "UPDATE necklaces SET holder = ?, until = ? WHERE id = ? AND (holder = ? OR until <= ?)", mine
    ).rowcount


def string(task):
    db = connect()
    while not take(db, task):
        time.sleep(0.02)
    while True:
        of, batch, strung, cancelled = db.execute(
            "SELECT pearls, batch, strung, cancelled FROM necklaces WHERE id = ?", (task,)
        ).fetchone()
        if strung == of or cancelled:
            return None
        time.sleep(0.15)
        numbers = range(strung, min(strung + batch, of))
        if args.ledger:
            with open(args.ledger, "a") as ledger:
                ledger.write("".join(json.dumps({"task": task, "record": n}) + "\n" for n in numbers))
        db.execute("BEGIN IMMEDIATE")
        step = (numbers.stop, now(), task, ME, strung)
        ours = db.execute(
            "UPDATE necklaces SET strung = ?, updated = ? WHERE id = ? AND holder = ? AND strung = ? AND NOT cancelled",
            step,
        ).rowcount
        if ours:
            take(db, task)
            db.executemany("INSERT INTO pearls VALUES (?, ?, ?)", [(task, n, n * 19 % 97 / 97) for n in numbers])
        db.execute("COMMIT")
        if not ours and not db.execute("SELECT cancelled FROM necklaces WHERE id = ?", (task,)).fetchone()[0]:
            return string(task)  # somebody else had it meanwhile


def begin(task):
    threading.Thread(target=string, args=(task,), daemon=True).start()


class Refused(Exception):
    def __init__(self, code, message, status=400):
        super().__init__(message)
        self.code, self.status = code, status


def wire(db, task, kind):
    row = db.execute(
        "SELECT pearls, strung, cancelled, created, updated FROM necklaces WHERE id = ?", (task,)
    ).fetchone()
    if row is None:
        raise Refused(-32602, f"there is no task {task}")
    of, strung, cancelled, created, updated = row
    document = {
        "resultType": kind,
        "taskId": task,
        "status": "cancelled" if cancelled else "completed" if strung == of else "working",
        "statusMessage": f"{strung} of {of} are on the string",
        "createdAt": created,
        "lastUpdatedAt": updated,
        "ttlMs": None,
        "pollIntervalMs": 50,
        "_meta": {"example.pearls/strung": strung, "strung": strung, "of": of},
    }
    if document["status"] == "completed":
        rows = db.execute("SELECT pearl, lustre FROM pearls WHERE necklace = ? ORDER BY pearl", (task,))
        answer = {"length": strung, "pearls": [{"pearl": n, "lustre": round(lustre, 4)} for n, lustre in rows]}
        text = [{"type": "text", "text": json.dumps(answer)}]
        document["result"] = {"content": text, "structuredContent": answer, "isError": False}
    return document


def has_tasks(params):
    capable = params.get("_meta", {}).get("io.modelcontextprotocol/clientCapabilities", {})
    return TASKS in capable.get("extensions", {})


def call(db, params):
    given = params.get("arguments", {})
    if params["name"] != "string_pearls" or not all(isinstance(given.get(key), int) for key in ("pearls", "batch")):
        text = [{"type": "text", "text": "string_pearls takes pearls and batch"}]
        return {"resultType": "complete", "content": text, "isError": True}
    if not has_tasks(params):
        raise Refused(-32021, f"this takes long, and needs {TASKS}")
    task = str(uuid.uuid4())
    row = (task, given["pearls"], given["batch"], now(), now())
    db.execute("INSERT INTO necklaces (id, pearls, batch, created, updated) VALUES (?, ?, ?, ?, ?)", row)
    begin(task)
    return wire(db, task, "task")


def cancel(db, params):
    wire(db, params["taskId"], "complete")
    db.execute(
        "UPDATE necklaces SET cancelled = 1, updated = ? WHERE id = ? AND strung < pearls", (now(), params["taskId"])
    )
    return {"resultType": "complete"}


def answer(db, method, params):
    if method == "server/discover":
        return {
            "resultType": "complete",
            "capabilities": {"tools": {}, "extensions": {TASKS: {}}},
            "supportedVersions": ["2026-07-28"],
            "serverInfo": {"name": "pearls", "version": "5"},
        }
    if method == "tools/list":
        whole = {"type": "integer", "minimum": 1}
        schema = {"type": "object", "properties": {"pearls": whole, "batch": whole}, "required": ["pearls", "batch"]}
        return {"resultType": "complete", "tools": [{"name": "string_pearls", "inputSchema": schema}]}
    if method == "tools/call":
        return call(db, params)
    if method == "tasks/get":
        return wire(db, params["taskId"], "complete")
    if method == "tasks/update":
        wire(db, params["taskId"], "complete")
        return {"resultType": "complete"}
    if method == "tasks/cancel":
        return cancel(db, params)
    raise Refused(-32601, f"there is no {method}", 404)


class Door(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def say(self, status, document=None):
        body = b"" if document is None else json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        self.say(405)

    do_DELETE = do_GET

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if "id" not in asked:
            return self.say(202)
        said = {"jsonrpc": "2.0", "id": asked["id"]}
        db = connect()
        try:
            return self.say(200, {**said, "result": answer(db, asked["method"], asked.get("params", {}))})
        except Refused as error:
            return self.say(error.status, {**said, "error": {"code": error.code, "message": str(error)}})
        finally:
            db.close()


for (unfinished,) in connect().execute("SELECT id FROM necklaces WHERE strung < pearls AND NOT cancelled").fetchall():
    begin(unfinished)
ThreadingHTTPServer.daemon_threads = True
ThreadingHTTPServer(("127.0.0.1", args.port), Door).serve_forever()
