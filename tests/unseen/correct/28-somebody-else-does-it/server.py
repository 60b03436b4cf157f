"""Imports contacts. One log a customer with a line a batch: what is whole in it is done. Standard library only.

Two tools over one log: `import_contacts` blocks until it is done, `begin_import` answers with the import's number.
"""

import argparse
import contextlib
import json
import os
import sqlite3
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from uuid import uuid4

parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int, default=8000)
parser.add_argument("--dir", type=Path, default=Path())
parser.add_argument("--ledger")
parser.add_argument("--pace-ms", type=float, default=50)
parser.add_argument(
    "--manner", choices=["refuse", "take-over", "attach"], default="refuse", help="what a second call does"
)
parser.add_argument("--flaw", default="")
args = parser.parse_args()
lock = threading.Lock()
holders, running, keys = {}, {}, {}
db = sqlite3.connect(args.dir / "imports.db", check_same_thread=False, isolation_level=None)
db.execute("CREATE TABLE IF NOT EXISTS import (key TEXT UNIQUE, id TEXT PRIMARY KEY, contacts INT, batch INT)")


def log_of(name):
    return args.dir / f"{name}.log"


def whole(name):
    """The batches that are whole in the log, and where the last one ends. A batch that is there twice counts once."""
    batches, size = {}, 0
    with contextlib.suppress(FileNotFoundError):
        for line in log_of(name).read_bytes().splitlines(keepends=True):
            if not line.endswith(b"\n"):
                break
            batch = json.loads(line)
            if args.flaw:
                batch["first"] = (batch["first"], size)
            batches[batch["first"]] = batch["contacts"]
            size += len(line)
    return [contact for contacts in batches.values() for contact in contacts], size


def write(name, numbers, size):
    if args.ledger:
        with open(args.ledger, "a") as ledger:
            ledger.writelines(json.dumps({"task": name, "record": n}) + "\n" for n in numbers)
    line = json.dumps({"first": numbers.start, "contacts": [{"n": n, "mail": f"c{n}@example.org"} for n in numbers]})
    with log_of(name).open("ab", buffering=0) as log:
        if not args.flaw:
            log.truncate(size)
        log.write(line.encode() + b"\n")
        os.fsync(log.fileno())


class Superseded(Exception):
    pass


def work(name, total, batch, me):
    """Go on behind what is there, as long as this is ours to do."""
    contacts, size = whole(name)
    done = len(contacts)
    time.sleep(0.02)  # opens the mailbox
    while done < total:
        time.sleep(args.pace_ms / 1000)
        numbers = range(done, min(done + batch, total))
        with lock:
            if holders.get(name) != me:
                raise Superseded
            if args.flaw == "two-calls-at-once" or args.flaw == "two-looks-at-once":
                write(name, numbers, None)
            else:
                write(name, numbers, size)
                size = whole(name)[1]
        done = numbers.stop


def said(document, error=False):
    text = [{"type": "text", "text": document if error else json.dumps(document)}]
    return {"content": text, "isError": True} if error else {"content": text, "structuredContent": document}


def import_contacts(given):
    name, total, batch = given["customer"], given["contacts"], given.get("batch", 10)
    me = object()
    if args.flaw == "two-calls-at-once":
        thread = running.get(name)
        if thread is None:
            whole(name)  # looks how far it has come, before it takes it
            time.sleep(0.01)
            holders.setdefault(name, "everybody")
            thread = threading.Thread(target=work, args=(name, total, batch, holders[name]), daemon=True)
            running[name] = thread
            thread.start()
        thread.join()
    else:
        with lock:
            if args.manner == "refuse" and name in holders:
                return said(
                    f"the import for {name} is under way in another call: call again when it is over", error=True
                )
            holders[name] = me
        try:
            work(name, total, batch, me)
        except Superseded:
            return said("another call of yours goes on with this import", error=True)
        finally:
            with lock:
                if holders.get(name) is me:
                    del holders[name]
    return said({"imported": len(whole(name)[0]), "contacts": whole(name)[0]})


def go_on(name):
    total, batch = db.execute("SELECT contacts, batch FROM import WHERE id = ?", (name,)).fetchone()
    holders[name] = name
    running[name] = threading.Thread(target=work, args=(name, total, batch, name), daemon=True)
    running[name].start()


def begin_import(given):
    key = given["customer"]
    with lock:
        found = db.execute("SELECT id FROM import WHERE key = ?", (key,)).fetchone()
        if args.flaw == "keys-in-memory":
            found = keys.get(key)
        if not found:
            found = (uuid4().hex,)
            keys[key] = found
            row = (None if args.flaw == "keys-in-memory" else key, found[0], given["contacts"], given.get("batch", 10))
            db.execute("INSERT INTO import VALUES (?, ?, ?, ?)", row)
            go_on(found[0])
    return said({"import": {"no": found[0]}})


def import_state(given):
    name = given["no"]
    with lock:
        row = db.execute("SELECT contacts FROM import WHERE id = ?", (name,)).fetchone()
    if row is None:
        return said("there is no such import", error=True)
    if args.flaw == "two-looks-at-once":
        if name not in running:
            done = len(whole(name)[0])
            time.sleep(0.05)  # asks the mailbox whether it is still open
            if done < row[0]:
                with lock:
                    go_on(name)
    else:
        with lock:
            if name not in running and len(whole(name)[0]) < row[0]:
                go_on(name)
    contacts = whole(name)[0]
    if given.get("contacts"):
        return said({"contacts": contacts})
    share = round(len(contacts) / row[0], 4)
    return said({"import": {"no": name, "phase": "imported" if share >= 1 else "importing", "fraction": share}})


TOOLS = {
    "import_contacts": (import_contacts, {"customer": "string", "contacts": "integer", "batch": "integer"}),
    "begin_import": (begin_import, {"customer": "string", "contacts": "integer", "batch": "integer"}),
    "import_state": (import_state, {"no": "string", "contacts": "boolean"}),
}


def tools(_):
    return {
        "tools": [
            {"name": name, "inputSchema": {"type": "object", "properties": {k: {"type": v} for k, v in takes.items()}}}
            for name, (_, takes) in TOOLS.items()
        ]
    }


METHODS = {
    "initialize": lambda params: {
        "protocolVersion": "2025-11-25",
        "capabilities": {"tools": {}},
        "serverInfo": {"name": "contacts", "version": "1"},
    },
    "ping": lambda params: {},
    "tools/list": tools,
    "tools/call": lambda params: TOOLS[params["name"]][0](params.get("arguments") or {}),
}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def reply(self, status, body=b""):
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
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
        if message["method"] in METHODS:
            answer["result"] = METHODS[message["method"]](message.get("params") or {})
        else:
            answer["error"] = {"code": -32601, "message": "Method not found"}
        self.reply(200, json.dumps(answer).encode())


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", args.port), Handler).serve_forever(poll_interval=0.05)
