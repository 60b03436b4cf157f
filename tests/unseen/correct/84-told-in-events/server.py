"""Copies a manuscript. A call is answered by a stream of events; what it says is in the database before it is said.

Who comes back with the last event that he has read hears the rest, from whichever life.

--in-person: the answer is said to those who listen when it is ready.
"""

import argparse
import json
import queue
import sqlite3
import threading
import time
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int, required=True)
parser.add_argument("--db", required=True)
parser.add_argument("--ledger")
parser.add_argument("--in-person", action="store_true")
args = parser.parse_args()

moved = threading.Condition()
listeners = []  # (stream, queue)


def connect():
    return closing(sqlite3.connect(args.db, isolation_level=None, timeout=20))


with connect() as db:
    db.execute("PRAGMA journal_mode = TRUNCATE")
    db.execute("CREATE TABLE IF NOT EXISTS books (shelf TEXT PRIMARY KEY, of INT, size INT, copied INT DEFAULT 0)")
    db.execute("CREATE TABLE IF NOT EXISTS pages (shelf TEXT, page INT, ink INT, PRIMARY KEY (shelf, page))")
    db.execute("CREATE TABLE IF NOT EXISTS streams (no INTEGER PRIMARY KEY, shelf TEXT, asked TEXT, token TEXT)")
    db.execute("CREATE TABLE IF NOT EXISTS events (stream INT, n INT, says TEXT, PRIMARY KEY (stream, n))")


def say(db, stream, message):
    db.execute(
        "INSERT INTO events SELECT ?, 1 + coalesce(max(n), 0), ? FROM events WHERE stream = ?",
        (stream, message and json.dumps({"jsonrpc": "2.0", **message}), stream),
    )


def answer(db, shelf, asked):
    found = db.execute("SELECT page, ink FROM pages WHERE shelf = ? ORDER BY page", (shelf,))
    pages = [{"page": n, "ink": ink} for n, ink in found]
    document = {"copied": len(pages), "pages": pages}
    text = {"type": "text", "text": json.dumps(document)}
    return {"id": json.loads(asked), "result": {"content": [text], "structuredContent": document}}


def conclude(db, stream, shelf, asked):
    message = answer(db, shelf, asked)
    if not args.in_person:
        return say(db, stream, message)
    for number, ears in listeners:
        if number == stream:
            ears.put({"jsonrpc": "2.0", **message})
    return None


def copy(shelf):
    with connect() as db:
        while True:
            of, size, copied = db.execute("SELECT of, size, copied FROM books WHERE shelf = ?", (shelf,)).fetchone()
            if copied == of:
                return
            time.sleep(0.08)
            numbers = range(copied, min(copied + size, of))
            if args.ledger:
                with open(args.ledger, "a") as ledger:
                    ledger.write("".join(json.dumps({"task": shelf, "record": n}) + "\n" for n in numbers))
            with moved:
                db.execute("BEGIN IMMEDIATE")
                step = (numbers.stop, shelf, copied)
                if db.execute("UPDATE books SET copied = ? WHERE shelf = ? AND copied = ?", step).rowcount:
                    db.executemany("INSERT INTO pages VALUES (?, ?, ?)", [(shelf, n, n * 29 % 31) for n in numbers])
                    streams = db.execute("SELECT no, asked, token FROM streams WHERE shelf = ?", (shelf,)).fetchall()
                    for stream, asked, token in streams:
                        if token is not None:
                            params = {"progressToken": json.loads(token), "progress": numbers.stop, "total": of}
                            say(db, stream, {"method": "notifications/progress", "params": params})
                        if numbers.stop == of:
                            conclude(db, stream, shelf, asked)
                db.execute("COMMIT")
                moved.notify_all()


def begin(shelf):
    threading.Thread(target=copy, args=(shelf,), daemon=True).start()


def listen(stream, last):
    """The events of a stream behind that one, as they come, and an answer that is said in person."""
    ears = queue.SimpleQueue()
    me = (stream, ears)
    with moved:
        listeners.append(me)
    try:
        with connect() as db:
            while True:
                with moved:
                    there = "SELECT n, says FROM events WHERE stream = ? AND n > ? ORDER BY n"
                    events = db.execute(there, (stream, last)).fetchall()
                    if not events and ears.empty():
                        moved.wait(10)
                        continue
                for number, says in events:
                    last = number
                    yield f"{stream}-{number}", says
                    if says and "result" in json.loads(says):
                        return
                if not events:
                    yield f"{stream}-{last + 1}", json.dumps(ears.get())
                    return
    finally:
        with moved:
            listeners.remove(me)


def called(asked):
    given = asked["params"].get("arguments", {})
    of, size, shelf = given.get("pages"), given.get("quire"), given.get("shelf")
    if not (isinstance(of, int) and isinstance(size, int) and of > 0 and size > 0 and shelf):
        return None
    token = asked["params"].get("_meta", {}).get("progressToken")
    with moved, connect() as db:
        db.execute("BEGIN IMMEDIATE")
        new = db.execute("INSERT OR IGNORE INTO books (shelf, of, size) VALUES (?, ?, ?)", (shelf, of, size)).rowcount
        row = (shelf, json.dumps(asked["id"]), None if token is None else json.dumps(token))
        stream = db.execute("INSERT INTO streams (shelf, asked, token) VALUES (?, ?, ?)", row).lastrowid
        say(db, stream, None)
        of, copied = db.execute("SELECT of, copied FROM books WHERE shelf = ?", (shelf,)).fetchone()
        if copied == of:
            say(db, stream, answer(db, shelf, row[1]))
        db.execute("COMMIT")
    if new:
        begin(shelf)
    return stream


KEYS = {"shelf": {"type": "string"}, "pages": {"type": "integer"}, "quire": {"type": "integer"}}
TOOL = {"name": "copy_book", "inputSchema": {"type": "object", "properties": KEYS, "required": list(KEYS)}}


def replied(method, params):
    if method == "initialize":
        spoken = params.get("protocolVersion")
        spoken = spoken if spoken in ("2025-03-26", "2025-06-18", "2025-11-25") else "2025-11-25"
        me = {"name": "scriptorium", "version": "1"}
        return {"protocolVersion": spoken, "capabilities": {"tools": {}}, "serverInfo": me}
    if method == "tools/list":
        return {"tools": [TOOL]}
    return {} if method == "ping" else None


class Door(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def send(self, status, document=None):
        body = b"" if document is None else json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def stream(self, stream, last):
        self.close_connection = True
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        try:
            for identity, says in listen(stream, last):
                self.wfile.write(f"id: {identity}\nretry: 50\ndata: {says or ''}\n\n".encode())
        except OSError:
            pass  # he has gone, and may come back

    def do_GET(self):
        stream, _, last = self.headers.get("Last-Event-ID", "").partition("-")
        if not (stream.isdigit() and last.isdigit()):
            return self.send(405)
        with connect() as db:
            if not db.execute("SELECT 1 FROM streams WHERE no = ?", (int(stream),)).fetchone():
                return self.send(404)
        return self.stream(int(stream), int(last))

    def do_DELETE(self):
        self.send(405)

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if "id" not in asked:
            return self.send(202)
        head = {"jsonrpc": "2.0", "id": asked["id"]}
        if asked["method"] == "tools/call" and asked["params"]["name"] == TOOL["name"]:
            stream = called(asked)
            if stream is not None:
                return self.stream(stream, 0)
            text = [{"type": "text", "text": "a book has a shelf, pages, and quires of them"}]
            return self.send(200, {**head, "result": {"content": text, "isError": True}})
        result = replied(asked["method"], asked.get("params", {}))
        if result is None:
            return self.send(200, {**head, "error": {"code": -32601, "message": f"there is no {asked['method']}"}})
        return self.send(200, {**head, "result": result})


with connect() as db:
    for (unfinished,) in db.execute("SELECT shelf FROM books WHERE copied < of").fetchall():
        begin(unfinished)
ThreadingHTTPServer.daemon_threads = True
ThreadingHTTPServer(("127.0.0.1", args.port), Door).serve_forever()
