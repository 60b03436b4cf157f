"""Four workers digitise the boxes of an archive, each a box at a time; what is done is a row each, in whatever order.

--counter: how many are done is kept, and a restart goes on with that number.
"""

import argparse
import json
import sqlite3
import threading
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

NAME = "archive"


class Refused(Exception):
    """The caller asked for what cannot be done."""


class Rpc(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def do_GET(self):
        self.reply(405, b"")

    do_DELETE = do_GET

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if "id" not in asked:
            self.reply(202, b"")
            return
        answer = {"jsonrpc": "2.0", "id": asked["id"]}
        try:
            answer["result"] = self.answer(asked["method"], asked.get("params") or {})
        except KeyError as missing:
            answer["error"] = {"code": -32601, "message": f"no such thing: {missing}"}
        except LookupError as unknown:
            answer["error"] = {"code": -32002, "message": str(unknown)}
        self.reply(200, json.dumps(answer).encode())

    def answer(self, method, params):
        if method == "initialize":
            me = {"name": NAME, "version": "1.0"}
            offers = {"tools": {}, "resources": {}}
            return {"protocolVersion": "2025-11-25", "capabilities": offers, "serverInfo": me}
        if method == "tools/list":
            return {"tools": [{"name": name, "inputSchema": schema(of)} for name, of in TOOLS.items()]}
        if method == "tools/call":
            if params["name"] not in TOOLS:
                raise KeyError(params["name"])
            try:
                return TOOLS[params["name"]][0](**params.get("arguments", {}))
            except (Refused, TypeError) as error:
                return {"content": [{"type": "text", "text": str(error)}], "isError": True}
        return {"ping": dict, "resources/list": lambda: {"resources": []}, **METHODS}[method](**params)

    def reply(self, status, body):
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def schema(of):
    kinds = {str: "string", int: "integer"}
    return {"type": "object", "properties": {name: {"type": kinds[kind]} for name, kind in of[1].items()}}


def said(document):
    return {"content": [{"type": "text", "text": json.dumps(document)}], "structuredContent": document}


TABLES = """
pragma journal_mode = wal;
create table if not exists jobs (id text primary key, boxes int, who text, ended int default 0);
create table if not exists boxes (job text, box int, barcode text, primary key (job, box));
"""
LOCK = threading.Lock()


def ask(*words):
    with LOCK, DB:
        return DB.execute(*words).fetchall()


def digitise(job, box):
    time.sleep(0.012 + 0.01 * (box * 31 % 7))
    with open(OPTIONS.ledger, "a") as ledger:
        ledger.write(json.dumps({"task": job, "record": box}) + "\n")
    ask("insert or ignore into boxes values (?, ?, ?)", (job, box, f"B{box * box:06}"))


def work(job):
    total = ask("select boxes from jobs where id = ?", (job,))[0][0]
    done = {box for (box,) in ask("select box from boxes where job = ?", (job,))}
    left = iter(range(len(done), total) if OPTIONS.counter else sorted(set(range(total)) - done))
    mine = threading.Lock()

    def hand():
        while True:
            with mine:
                box = next(left, None)
            if box is None:
                return
            digitise(job, box)

    hands = [threading.Thread(target=hand, daemon=True) for _ in range(4)]
    for one in hands:
        one.start()
    for one in hands:
        one.join()
    ask("update jobs set ended = 1 where id = ?", (job,))


def begin_scan(boxes, who):
    job = f"scan-{uuid.uuid4().hex[:8]}"
    ask("insert into jobs (id, boxes, who) values (?, ?, ?)", (job, boxes, who))
    threading.Thread(target=work, args=(job,), daemon=True).start()
    return said({"scan": {"id": job, "boxes": boxes}})


def scan_progress(scan):
    known = ask("select boxes, ended from jobs where id = ?", (scan,))
    if not known:
        raise Refused(f"no scan is called {scan}")
    done = ask("select count(*) from boxes where job = ?", (scan,))[0][0]
    return said({"phase": "archived" if known[0][1] else "scanning", "done": done, "ratio": done / known[0][0]})


def scan_boxes(scan, after=""):
    page = "select box, barcode from boxes where job = ? and box > ? order by box limit 40"
    rows = ask(page, (scan, int(after or -1)))
    found = {"boxes": [{"box": box, "barcode": barcode} for box, barcode in rows]}
    return said({**found, "after": str(rows[-1][0])} if len(rows) == 40 else found)


METHODS = {}
TOOLS = {
    "begin_scan": (begin_scan, {"boxes": int, "who": str}),
    "scan_progress": (scan_progress, {"scan": str}),
    "scan_boxes": (scan_boxes, {"scan": str, "after": str}),
}

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--db", required=True)
    parser.add_argument("--ledger", required=True)
    parser.add_argument("--counter", action="store_true")
    OPTIONS = parser.parse_args()
    DB = sqlite3.connect(OPTIONS.db, check_same_thread=False)
    DB.executescript(TABLES)
    for (job,) in ask("select id from jobs where not ended"):
        threading.Thread(target=work, args=(job,), daemon=True).start()
    ThreadingHTTPServer(("127.0.0.1", OPTIONS.port), Rpc).serve_forever()
