"""Deduplicates events in batches of 2 ms. Nothing but the standard library; an id is the hash of what was ordered."""

import argparse
import contextlib
import fcntl
import hashlib
import json
import os
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int, default=8000)
parser.add_argument("--dir", type=Path, default=Path())
args = parser.parse_args()
NUMBER = {"type": "integer"}
PROPERTIES = {"key": {"type": "string"}, "events": NUMBER, "batch": NUMBER}
TOOL = {
    "name": "deduplicate",
    "inputSchema": {"type": "object", "properties": PROPERTIES, "required": ["key", "events"]},
}
PAGE = 32
guard, workers = threading.Lock(), {}


def rows(job):
    """What is whole in the log; a record is a line of 16 bytes, so a torn one is easily seen."""
    size = (args.dir / f"{job}.log").stat().st_size // 16
    return (args.dir / f"{job}.log").read_text()[: 16 * size].split()


def deduplicate(job):
    order = json.loads((args.dir / f"{job}.order").read_text())
    with (args.dir / f"{job}.log").open("r+b", buffering=0) as log:
        fcntl.flock(log, fcntl.LOCK_EX)
        done = os.fstat(log.fileno()).st_size // 16
        log.truncate(16 * done)
        log.seek(0, os.SEEK_END)
        while done < order["events"]:
            time.sleep(0.002)
            numbers = range(done, min(done + order["batch"], order["events"]))
            log.write(b"".join(b"event-%09d\n" % n for n in numbers))
            done = numbers.stop


def run(job):
    with guard:
        if job not in workers:
            workers[job] = threading.Thread(target=deduplicate, args=(job,), daemon=True)
            workers[job].start()


def call(params):
    order = {"batch": 10} | params["arguments"]
    job = hashlib.sha256(json.dumps(order, sort_keys=True).encode()).hexdigest()[:24]
    with contextlib.suppress(FileExistsError):
        (args.dir / f"{job}.log").open("x").close()
    new = args.dir / f"{job}.{threading.get_ident()}"
    new.write_text(json.dumps(order))
    new.replace(args.dir / f"{job}.order")
    run(job)
    return {"content": [{"type": "resource_link", "uri": f"dedup://{job}", "name": "the job"}]}


def read(params):
    job, _, cursor = params["uri"].removeprefix("dedup://").partition("?from=")
    path = args.dir / f"{job}.order"
    if not job.isalnum() or not path.exists():
        return None
    found, events = rows(job), json.loads(path.read_text())["events"]
    document = {"job": job, "status": "done" if len(found) == events else "in-progress", "share": len(found) / events}
    if cursor:
        first = int(cursor)
        following = f"dedup://{job}?from={first + PAGE}" if first + PAGE < len(found) else None
        document = {"events": [{"event": row} for row in found[first : first + PAGE]], "next": following}
    return {"contents": [{"uri": params["uri"], "mimeType": "application/json", "text": json.dumps(document)}]}


METHODS = {
    "initialize": lambda params: {
        "protocolVersion": "2025-11-25",
        "capabilities": {"tools": {}, "resources": {}},
        "serverInfo": {"name": "dedup", "version": "0.0.1"},
    },
    "ping": lambda params: {},
    "tools/list": lambda params: {"tools": [TOOL]},
    "resources/list": lambda params: {"resources": []},
    "resources/templates/list": lambda params: {"resourceTemplates": []},
    "tools/call": call,
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
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        self.reply(405)

    def do_DELETE(self):
        self.reply(405)

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


if __name__ == "__main__":
    for path in args.dir.glob("*.order"):
        run(path.stem)
    server = ThreadingHTTPServer(("127.0.0.1", args.port), Handler)
    server.serve_forever(poll_interval=0.05)
