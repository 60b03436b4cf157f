"""Thumbnails behind a listening socket that is handed down: told to stop, it hears nobody more and ends what it began.

How the old life and the new one get along is told by --manner. Standard library only.
"""

import argparse
import contextlib
import fcntl
import json
import os
import signal
import socket
import sqlite3
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from uuid import uuid4

parser = argparse.ArgumentParser()
parser.add_argument("--listen-fd", type=int, required=True)
parser.add_argument("--dir", type=Path, default=Path())
parser.add_argument("--ledger")
parser.add_argument("--pace-ms", type=float, default=50)
parser.add_argument("--wind-down-s", type=float, default=0.2, help="so long it goes on working when it is told to stop")
parser.add_argument("--manner", choices=["lock", "epoch", "deaf"], default="lock")
parser.add_argument("--flaw", default="")
args = parser.parse_args()
lock, stopping = threading.Lock(), threading.Event()
mine = {}  # what the flawed one saves when it goes
workers = set()
lease = os.open(args.dir / "lease", os.O_RDWR | os.O_CREAT)
db = sqlite3.connect(args.dir / "thumbs.db", check_same_thread=False, isolation_level=None, timeout=20)
db.execute("PRAGMA journal_mode = WAL")
db.execute("CREATE TABLE IF NOT EXISTS job (id TEXT PRIMARY KEY, key TEXT UNIQUE, images INT, batch INT, done INT)")
db.execute("CREATE TABLE IF NOT EXISTS thumb (job TEXT, image INT, size INT)")
db.execute("CREATE TABLE IF NOT EXISTS epoch (only_one INT PRIMARY KEY, number INT)")
db.execute("INSERT OR IGNORE INTO epoch VALUES (1, 0)")
epoch = 0


@contextlib.contextmanager
def transaction():
    with lock:
        db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            db.execute("ROLLBACK")
            raise
        db.execute("COMMIT")


def is_ours():
    """Asked within a transaction: whether no newer life has taken over."""
    return args.manner != "epoch" or db.execute("SELECT number FROM epoch").fetchone() == (epoch,)


def work(job):
    with lock:
        images, batch, done = db.execute("SELECT images, batch, done FROM job WHERE id = ?", (job,)).fetchone()
    while done < images and not (stopping.is_set() and time.monotonic() > ends_at[0]):
        time.sleep(args.pace_ms / 1000)
        numbers = range(done, min(done + batch, images))
        with transaction():
            if not is_ours():
                return
            if args.ledger:
                with open(args.ledger, "a") as ledger:
                    ledger.writelines(json.dumps({"task": job, "record": n}) + "\n" for n in numbers)
            db.executemany("INSERT INTO thumb VALUES (?, ?, ?)", [(job, n, 64 + n % 7) for n in numbers])
            db.execute("UPDATE job SET done = ? WHERE id = ?", (numbers.stop, job))
        done = mine[job] = numbers.stop


ends_at = [0.0]


def go_on(job):
    worker = threading.Thread(target=work, args=(job,), daemon=True)
    workers.add(worker)
    worker.start()


def take_over():
    """What was left unfinished goes on, when nobody else is at it."""
    global epoch
    if args.flaw == "asks-for-the-lock-once":
        try:
            fcntl.flock(lease, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owned.set()
            return  # somebody else is at work
    elif args.manner != "epoch" and args.flaw not in ("two-at-the-log", "saves-when-it-goes"):
        fcntl.flock(lease, fcntl.LOCK_EX)
    with transaction():
        db.execute("UPDATE epoch SET number = number + 1")
        (epoch,) = db.execute("SELECT number FROM epoch").fetchone()
    with lock:
        found = db.execute("SELECT id FROM job WHERE done < images").fetchall()
    owned.set()
    for (job,) in found:
        go_on(job)


owned = threading.Event()


def make_thumbnails(given):
    owned.wait(10)
    with transaction():
        found = db.execute("SELECT id FROM job WHERE key = ?", (given["order"],)).fetchone()
        job = found[0] if found else uuid4().hex
        if not found:
            row = (job, given["order"], given["images"], given.get("batch", 10))
            db.execute("INSERT INTO job VALUES (?, ?, ?, ?, 0)", row)
    if not found:
        go_on(job)
    return {"content": [{"type": "text", "text": f"thumbs://{job}"}], "structuredContent": {"uri": f"thumbs://{job}"}}


def read(params):
    job, _, thumbs = params["uri"].removeprefix("thumbs://").partition("/")
    with lock:
        row = db.execute("SELECT images, done FROM job WHERE id = ?", (job,)).fetchone()
        if row is None:
            return None
        if thumbs:
            made = db.execute("SELECT image, size FROM thumb WHERE job = ? ORDER BY rowid", (job,)).fetchall()
    found = {"id": job, "status": "finished" if row[1] == row[0] else "running", "made": row[1], "of": row[0]}
    if thumbs:
        found = [{"image": image, "size": size} for image, size in made]
    return {"contents": [{"uri": params["uri"], "mimeType": "application/json", "text": json.dumps(found)}]}


TYPES = {"order": {"type": "string"}, "images": {"type": "integer"}, "batch": {"type": "integer"}}
HELLO = {
    "protocolVersion": "2025-11-25",
    "capabilities": {"tools": {}, "resources": {}},
    "serverInfo": {"name": "thumbs", "version": "1"},
}
METHODS = {
    "initialize": lambda params: HELLO,
    "ping": lambda params: {},
    "tools/list": lambda params: {
        "tools": [{"name": "make_thumbnails", "inputSchema": {"type": "object", "properties": TYPES}}]
    },
    "resources/list": lambda params: {"resources": []},
    "tools/call": lambda params: make_thumbnails(params["arguments"]),
    "resources/read": read,
}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def reply(self, status, body=b""):
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        if stopping.is_set():
            self.send_header("Connection", "close")
            self.close_connection = True
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        self.reply(405)

    do_DELETE = do_GET

    def do_POST(self):
        message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if "id" not in message:
            self.reply(202)
            return
        answer = {"jsonrpc": "2.0", "id": message["id"]}
        if message["method"] not in METHODS:
            answer["error"] = {"code": -32601, "message": "Method not found"}
        else:
            answer["result"] = METHODS[message["method"]](message.get("params") or {})
            if answer["result"] is None:
                del answer["result"]
                answer["error"] = {"code": -32002, "message": "Resource not found"}
        self.reply(200, json.dumps(answer).encode())


def main():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler, bind_and_activate=False)
    server.socket.close()
    server.socket = socket.socket(fileno=args.listen_fd)
    server.server_name, server.server_port = "localhost", server.socket.getsockname()[1]

    def stop(*_):
        ends_at[0] = time.monotonic() + args.wind_down_s
        stopping.set()
        threading.Thread(target=server.shutdown, daemon=True).start()

    signal.signal(signal.SIGTERM, stop)
    if args.manner == "deaf":
        take_over()
    else:
        threading.Thread(target=take_over, daemon=True).start()
    server.serve_forever(poll_interval=0.02)
    for worker in list(workers):
        worker.join()
    if args.flaw == "saves-when-it-goes":
        time.sleep(max(0, ends_at[0] - time.monotonic()))
        with transaction():
            db.executemany("UPDATE job SET done = ? WHERE id = ?", [(done, job) for job, done in mine.items()])
    os._exit(0)


if __name__ == "__main__":
    main()
