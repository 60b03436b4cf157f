"""Publishes a catalogue, and asks before it does. A question is open where no answer is in the table."""

import argparse
import json
import sqlite3
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from uuid import uuid4

parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int, default=8000)
parser.add_argument("--dir", type=Path, default=Path())
parser.add_argument("--pace-ms", type=float, default=40)
parser.add_argument("--ask-at", type=float, nargs="+", default=[0], help="the shares of the job at which it asks")
parser.add_argument("--again", choices=["taken", "refused"], default="taken", help="what a second answer is told")
parser.add_argument("--inbox-ms", type=float, default=0, help="an answer is stored at once, and looked at so often")
parser.add_argument("--flaw", default="")
args = parser.parse_args()
changed = threading.Condition()
workers = {}
asked, told = {}, {}  # the flawed ones remember here
db = sqlite3.connect(args.dir / "catalogue.db", check_same_thread=False, isolation_level=None)
db.executescript("""
    PRAGMA journal_mode = WAL;
    CREATE TABLE IF NOT EXISTS job (id TEXT PRIMARY KEY, total INT, batch INT, done INT DEFAULT 0, asked INT DEFAULT 0,
        answer TEXT);
    CREATE TABLE IF NOT EXISTS item (job TEXT, sku INT, title TEXT, PRIMARY KEY (job, sku));
    CREATE TABLE IF NOT EXISTS answer (job TEXT, question INT, value TEXT, read INT, PRIMARY KEY (job, question));
""")


def row(name):
    found = db.execute("SELECT id, total, batch, done, asked, answer FROM job WHERE id = ?", (name,)).fetchone()
    return dict(zip(("id", "total", "batch", "done", "asked", "answer"), found, strict=True)) if found else None


def answered(name):
    return {n for (n,) in db.execute("SELECT question FROM answer WHERE job = ? AND read", (name,))}


def question(job):
    """The number of the question that is open, or None."""
    due = [
        n for n, share in enumerate(args.ask_at) if job["done"] >= share * job["total"] and job["done"] < job["total"]
    ]
    if args.flaw == "question-in-memory":
        return asked.get(job["id"])
    if args.flaw == "answer-in-memory":
        return next((n for n in due if n not in told.get(job["id"], ())), None)
    if args.flaw == "one-answer-for-all":
        return next((n for n in due if n >= job["asked"]), None) if job["id"] not in told else None
    return next((n for n in due if n not in answered(job["id"])), None)


def signed(name):
    """Who has approved it so far."""
    if args.flaw == "value-in-memory":
        return f", approved by {told[name]}" if name in told else ""
    by = [v for (v,) in db.execute("SELECT value FROM answer WHERE job = ? AND read ORDER BY question", (name,))]
    return f", approved by {' and '.join(by)}" if by else ""


def publish(name):
    while True:
        with changed:
            job = row(name)
            if job["done"] == job["total"]:
                return
            if args.flaw == "question-in-memory":
                due = sum(job["done"] >= share * job["total"] for share in args.ask_at)
                if due > job["asked"]:
                    db.execute("UPDATE job SET asked = ? WHERE id = ?", (due, name))
                    asked[name] = due
            while question(row(name)) is not None:
                changed.wait()
            due = sum(job["done"] >= share * job["total"] for share in args.ask_at)
            if args.flaw == "one-answer-for-all" and name in told and due > job["asked"]:
                del told[name]
                db.execute("UPDATE job SET asked = asked + 1 WHERE id = ?", (name,))
        time.sleep(args.pace_ms / 1000)
        numbers = range(job["done"], min(job["done"] + job["batch"], job["total"]))
        with changed:
            db.execute("BEGIN IMMEDIATE")
            db.executemany("INSERT INTO item VALUES (?, ?, ?)", [(name, n, f"item {n}{signed(name)}") for n in numbers])
            db.execute("UPDATE job SET done = ? WHERE id = ?", (numbers.stop, name))
            db.execute("COMMIT")


def look_into_the_inbox():
    while True:
        time.sleep(args.inbox_ms / 1000)
        with changed:
            db.execute("UPDATE answer SET read = 1 WHERE NOT read")
            changed.notify_all()


def go_on(name):
    workers[name] = threading.Thread(target=publish, args=(name,), daemon=True)
    workers[name].start()


def publish_catalogue(given):
    name = uuid4().hex
    with changed:
        db.execute(
            "INSERT INTO job (id, total, batch) VALUES (?, ?, ?)", (name, given["items"], given.get("batch", 10))
        )
    go_on(name)
    return {"publication": {"ref": name}}


def publication(given):
    with changed:
        job = row(given["ref"])
        if job is None:
            return None
        waits = question(job)
    state = "live" if job["done"] == job["total"] else "publishing" if waits is None else "awaiting_approval"
    document = {"ref": job["id"], "state": state, "percent": 100 * job["done"] / job["total"], "items": job["done"]}
    return {"publication": document | ({} if waits is None else {"question": f"approve step {waits}?"})}


def approve(given):
    with changed:
        job = row(given["ref"])
        if job is None:
            return None
        waits = question(job)
        if (
            waits is None
            or db.execute("SELECT 1 FROM answer WHERE job = ? AND question = ?", (job["id"], waits)).fetchone()
        ):
            return {"approved": True} if args.again == "taken" else "nothing is asked, or it was answered already"
        if args.flaw == "question-in-memory":
            del asked[job["id"]]
        elif args.flaw == "answer-in-memory":
            told.setdefault(job["id"], set()).add(waits)
        elif args.flaw == "one-answer-for-all":
            told[job["id"]] = given["by"]
            db.execute("UPDATE job SET answer = ? WHERE id = ?", (given["by"], job["id"]))
        else:
            if args.flaw == "value-in-memory":
                told[job["id"]] = given["by"]
            db.execute("INSERT INTO answer VALUES (?, ?, ?, ?)", (job["id"], waits, given["by"], not args.inbox_ms))
        changed.notify_all()
    return {"approved": True}


def items(given):
    with changed:
        if row(given["ref"]) is None:
            return None
        found = db.execute("SELECT sku, title FROM item WHERE job = ? ORDER BY sku", (given["ref"],)).fetchall()
    return {"items": [{"sku": sku, "title": title} for sku, title in found]}


TOOLS = {
    "publish_catalogue": (publish_catalogue, {"items": "integer", "batch": "integer"}),
    "publication": (publication, {"ref": "string"}),
    "approve": (approve, {"ref": "string", "by": "string"}),
    "published_items": (items, {"ref": "string"}),
}


def call(params):
    document = TOOLS[params["name"]][0](params.get("arguments") or {})
    if document is None or isinstance(document, str):
        return {"content": [{"type": "text", "text": document or "no such publication"}], "isError": True}
    return {"content": [{"type": "text", "text": json.dumps(document)}], "structuredContent": document}


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
        "serverInfo": {"name": "catalogue", "version": "1"},
    },
    "ping": lambda params: {},
    "tools/list": tools,
    "tools/call": call,
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
    if args.flaw == "one-answer-for-all":
        told.update(db.execute("SELECT id, answer FROM job WHERE answer IS NOT NULL"))
    for (unfinished,) in db.execute("SELECT id FROM job WHERE done < total").fetchall():
        if args.flaw != "nobody-to-wake" or question(row(unfinished)) is None:
            go_on(unfinished)
    if args.inbox_ms:
        threading.Thread(target=look_into_the_inbox, daemon=True).start()
    ThreadingHTTPServer(("127.0.0.1", args.port), Handler).serve_forever(poll_interval=0.05)
