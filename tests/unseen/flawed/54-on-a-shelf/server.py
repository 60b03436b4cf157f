"""Grades essays. Jobs and grades lie in a dbm file of the standard library, which looks after itself."""

import argparse
import dbm.dumb
import json
import threading
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

NAME = "essays"
LOCK = threading.Lock()


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


def get(key):
    with LOCK:
        return json.loads(SHELF[key]) if key in SHELF else None


def put(key, document):
    with LOCK:
        SHELF[key] = json.dumps(document)


def grade(job):
    doc = get(f"job/{job}")
    while doc["done"] < doc["essays"]:
        time.sleep(0.05)
        for essay in range(doc["done"], min(doc["done"] + doc["stack"], doc["essays"])):
            put(f"grade/{job}/{essay:06}", {"essay": essay, "grade": "ABCDEF"[essay * 31 % 6]})
        doc["done"] = min(doc["done"] + doc["stack"], doc["essays"])
        doc["log"] = [*doc["log"], f"{doc['done']} graded"]
        put(f"job/{job}", doc)


def begin(job):
    threading.Thread(target=grade, args=(job,), daemon=True).start()


def grade_essays(essays, stack):
    job = uuid.uuid4().hex[:10]
    put(f"job/{job}", {"essays": essays, "stack": stack, "done": 0, "log": []})
    begin(job)
    return {"uri": f"essays://{job}"}


def read(uri):
    job, _, rest = uri.removeprefix("essays://").partition("/")
    doc = get(f"job/{job}")
    if doc is None:
        raise LookupError(f"nothing is known of {uri}")
    if rest:
        with LOCK:
            keys = sorted(key.decode() for key in SHELF if key.startswith(b"grade/%s/" % job.encode()))
        return [get(key) for key in keys]
    done = doc["done"] == doc["essays"]
    return {"job": job, "status": "done" if done else "running", "graded": doc["done"], "essays": doc["essays"]}


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
TOOLS = {"grade_essays": (grade_essays, {"essays": WHOLE, "stack": WHOLE})}

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--dir", required=True)
    OPTIONS = parser.parse_args()
    SHELF = dbm.dumb.open(f"{OPTIONS.dir}/shelf", "c")  # noqa: SIM115 - as long as we live
    for key in [key.decode() for key in SHELF if key.startswith(b"job/")]:
        doc = get(key)
        if doc["done"] < doc["essays"]:
            begin(key.removeprefix("job/"))
    ThreadingHTTPServer(("127.0.0.1", OPTIONS.port), Rpc).serve_forever()
