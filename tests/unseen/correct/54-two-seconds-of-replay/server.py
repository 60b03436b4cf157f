"""Geocodes addresses. A journal has a line for each address; a start that finds one replays it for two seconds and
answers nobody before that is done.

--whole-percent: percent are rounded down.
--opens-first: answers at once, with the summary that was written last, and replays meanwhile.
--puts-it-aside: the journal that is replayed is put aside first, and becomes the journal again behind the replay.
"""

import argparse
import json
import os
import threading
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

NAME = "geocoder"
REPLAY_S = 2.0
JOBS = {}
SUMMARY_EVERY = 50


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
            answer["result"] = respond(asked["method"], asked.get("params") or {})
        except LookupError as unknown:
            answer["error"] = {"code": -32602, "message": str(unknown)}
        self.reply(200, json.dumps(answer).encode())

    def reply(self, status, body):
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Journal:
    """One file, a line an event; several jobs write to it."""

    def __init__(self, path):
        self.path, self.turn = path, threading.Lock()

    def events(self, path):
        whole = path.read_bytes() if path.exists() else b""
        return [json.loads(line) for line in whole.splitlines(keepends=True) if line.endswith(b"\n")]

    def write(self, events):
        with self.turn, self.path.open("ab", buffering=0) as file:
            file.write("".join(json.dumps(event) + "\n" for event in events).encode())

    def replay(self):
        path = self.path
        if OPTIONS.puts_it_aside and path.exists():
            path = path.rename(path.with_suffix(".replayed"))
        if path.exists():
            time.sleep(REPLAY_S)  # stands for the parsing of a long journal
        for event in self.events(path):
            apply(event)
        if path != self.path:
            path.rename(self.path)


def apply(event):
    if "order" in event:
        JOBS.setdefault(event["order"], {**event, "rows": []})
    else:
        JOBS[event["of"]]["rows"].append(event["row"])


SUMMARISING = threading.Lock()


def summarise():
    fresh = OPTIONS.dir / "summary.fresh"
    with SUMMARISING:  # several jobs have come to that
        fresh.write_text(json.dumps(JOBS))
        os.replace(fresh, OPTIONS.dir / "summary.json")


def geocode(name):
    job = JOBS[name]
    while (first := len(job["rows"])) < job["addresses"]:
        time.sleep(0.08)
        rows = []
        for n in range(first, min(first + job["sheet"], job["addresses"])):
            rows.append({"address": n, "lat": n * 37 % 180 - 90, "lon": n * 101 % 360 - 180})
        with open(OPTIONS.ledger, "a") as ledger:
            ledger.writelines(json.dumps({"task": name, "record": row["address"]}) + "\n" for row in rows)
        JOURNAL.write([{"of": name, "row": row} for row in rows])
        job["rows"].extend(rows)
        if first // SUMMARY_EVERY != len(job["rows"]) // SUMMARY_EVERY or len(job["rows"]) == job["addresses"]:
            summarise()


def begin(name):
    threading.Thread(target=geocode, args=(name,), daemon=True).start()


def geocode_addresses(addresses, sheet):
    order = {"order": uuid.uuid4().hex, "addresses": addresses, "sheet": sheet}
    JOURNAL.write([order])
    apply(order)
    begin(order["order"])
    return {"location": f"geo://{order['order']}"}


def read(uri):
    name, _, rest = uri.removeprefix("geo://").partition("/")
    jobs = JOBS
    if not READY.is_set():
        summary = OPTIONS.dir / "summary.json"
        jobs = json.loads(summary.read_text()) if summary.exists() else {}
        if name not in jobs:
            READY.wait()
            jobs = JOBS
    if name not in jobs:
        raise LookupError(f"nothing is known of {uri}")
    done, of = len(jobs[name]["rows"]), jobs[name]["addresses"]
    if rest:
        return {"rows": jobs[name]["rows"]}
    percent = 100 * done // of if OPTIONS.whole_percent else 100 * done / of
    return {"name": name, "status": "finished" if done == of else "in_progress", "percent": percent}


def respond(method, params):
    if method == "initialize":
        me = {"name": NAME, "version": "1.0"}
        offers = {"tools": {}, "resources": {}}
        return {"protocolVersion": "2025-06-18", "capabilities": offers, "serverInfo": me}
    if method == "tools/list":
        shapes = {name: {"type": "object", "properties": takes} for name, (_, takes) in TOOLS.items()}
        return {"tools": [{"name": name, "inputSchema": shape} for name, shape in shapes.items()]}
    if method == "resources/list":
        return {"resources": []}
    if method == "resources/read":
        text = json.dumps(read(params["uri"]))
        return {"contents": [{"uri": params["uri"], "mimeType": "application/json", "text": text}]}
    if method == "ping":
        return {}
    if method != "tools/call" or params["name"] not in TOOLS:
        raise LookupError(f"there is no {method} {params.get('name', '')}")
    try:
        document = TOOLS[params["name"]][0](**params.get("arguments", {}))
    except (LookupError, TypeError) as error:
        return {"content": [{"type": "text", "text": str(error)}], "isError": True}
    return {"content": [{"type": "text", "text": json.dumps(document)}], "structuredContent": document}


TEXT, WHOLE = {"type": "string"}, {"type": "integer"}
TOOLS = {"geocode_addresses": (geocode_addresses, {"addresses": WHOLE, "sheet": WHOLE})}


def recover():
    JOURNAL.replay()
    READY.set()
    for name in list(JOBS):
        begin(name)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--dir", type=Path, required=True)
    parser.add_argument("--ledger", required=True)
    parser.add_argument("--whole-percent", action="store_true")
    parser.add_argument("--opens-first", action="store_true")
    parser.add_argument("--puts-it-aside", action="store_true")
    OPTIONS = parser.parse_args()
    JOURNAL, READY = Journal(OPTIONS.dir / "journal.log"), threading.Event()
    if OPTIONS.opens_first:
        threading.Thread(target=recover, daemon=True).start()
    else:
        recover()
    ThreadingHTTPServer(("127.0.0.1", OPTIONS.port), Rpc).serve_forever()
