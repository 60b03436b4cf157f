"""Archives the readings of a meter. They are appended to a log; a log of 32 readings is put away as a numbered segment.

--counted: the number of the next segment is counted as the server goes on.
"""

import argparse
import json
import os
import threading
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

NAME = "meters"
SEGMENT = 32


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


def archive(job):
    """What lies in the segments and in the log is what was done."""
    home = STORE / job
    order = json.loads((home / "order.json").read_text())
    log = home / "current.log"
    log.touch()
    whole = log.read_bytes()
    os.truncate(log, whole.rfind(b"\n") + 1)
    filed = 0
    while PROGRESS[job] < order["readings"]:
        time.sleep(0.05)
        first = PROGRESS[job]
        end = min(first + order["chunk"], order["readings"])
        with open(LEDGER, "a") as ledger:
            ledger.writelines(json.dumps({"task": job, "record": n}) + "\n" for n in range(first, end))
        with log.open("ab", buffering=0) as file:
            file.write(b"".join(b'{"reading": %d, "kwh": %d}\n' % (n, n * n % 997) for n in range(first, end)))
        if log.read_bytes().count(b"\n") >= SEGMENT:
            filed += 1
            number = filed if OPTIONS.counted else len(list(home.glob("*.segment"))) + 1
            os.replace(log, home / f"{number:05}.segment")
            log.touch()
        PROGRESS[job] = end


def rows(job):
    home = STORE / job
    files = [*sorted(home.glob("*.segment")), home / "current.log"]
    text = b"".join(path.read_bytes() for path in files if path.exists())
    return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith(b"\n")]


def begin(job):
    PROGRESS[job] = len(rows(job))
    threading.Thread(target=archive, args=(job,), daemon=True).start()


def archive_meter(readings, chunk, meter):
    job = uuid.uuid4().hex[:12]
    new = STORE / f"{job}.new"
    new.mkdir()
    order = {"readings": readings, "chunk": chunk, "meter": meter}
    (new / "order.json").write_text(json.dumps(order))
    os.rename(new, STORE / job)
    begin(job)
    return {"follow": f"meter://{job}"}


def read(uri):
    job, _, rest = uri.removeprefix("meter://").partition("/")
    if job not in PROGRESS:
        raise LookupError(f"nothing is known of {uri}")
    if rest:
        return rows(job)
    done, of = PROGRESS[job], json.loads((STORE / job / "order.json").read_text())["readings"]
    return {"job": job, "state": "archived" if done >= of else "archiving", "readings": done, "of": of}


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
TOOLS = {"archive_meter": (archive_meter, {"readings": WHOLE, "chunk": WHOLE, "meter": TEXT})}

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--ledger", required=True)
    parser.add_argument("--counted", action="store_true")
    OPTIONS = parser.parse_args()
    STORE, LEDGER, PROGRESS = OPTIONS.store, OPTIONS.ledger, {}
    for left in STORE.glob("*/order.json"):
        if not left.parent.name.endswith(".new"):
            begin(left.parent.name)
    ThreadingHTTPServer(("127.0.0.1", OPTIONS.port), Rpc).serve_forever()
