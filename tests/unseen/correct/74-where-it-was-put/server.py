"""Sorts stamps. Each start warms up for half a second before it sorts on. What is sorted is put into the archive, under
the second in which it was ready, and where that is says the last answer.

--answers-late: an order is written at once; where others are being sorted it is answered a second later.
--touches: a start notes at each job when it was looked at last, where its end is noted, too.
"""

import argparse
import base64
import json
import os
import threading
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int, required=True)
parser.add_argument("--album", required=True)
parser.add_argument("--ledger")
parser.add_argument("--answers-late", action="store_true")
parser.add_argument("--touches", action="store_true")
args = parser.parse_args()

VIEW = "" if args.answers_late else "?view=short"
jobs = {}
archive = os.path.join(args.album, "archive")


def replace(path, document):
    new = f"{path}.{threading.get_ident()}.new"
    with open(new, "w") as file:
        json.dump(document, file)
    os.replace(new, path)


def save(job):
    replace(os.path.join(args.album, f"{job['id']}.job"), job)


def place(job):
    return f"{job['at']:.0f}-{job['id'][:8]}"


def sort(job):
    time.sleep(0.5)  # the catalogue
    while len(job["stamps"]) < job["of"]:
        time.sleep(0.02 if len(job["stamps"]) // job["box"] % 3 else 0.16)
        first = len(job["stamps"])
        numbers = range(first, min(first + job["box"], job["of"]))
        if args.ledger:
            with open(args.ledger, "a") as ledger:
                ledger.write("".join(json.dumps({"task": job["id"], "record": str(n)}) + "\n" for n in numbers))
        stamps = [{"no": n, "country": ["PE", "IS", "LA", "TV"][n * 7 % 4]} for n in numbers]
        job["stamps"] = job["stamps"] + stamps
        save(job)
    job["at"] = time.time()
    replace(os.path.join(archive, place(job)), job["stamps"])
    save({**job, "put": True})
    job["put"] = True


def begin(job):
    threading.Thread(target=sort, args=(job,), daemon=True).start()


def known(job):
    if job not in jobs:
        raise LookupError(f"no job {job}")
    return jobs[job]


def sort_stamps(stamps, box):
    job = {"id": uuid.uuid4().hex, "of": stamps, "box": box, "stamps": [], "at": time.time(), "put": False}
    save(job)
    jobs[job["id"]] = job
    begin(job)
    if args.answers_late and not all(other["put"] for other in list(jobs.values()) if other is not job):
        time.sleep(1)
    return {"follow": f"stamps://jobs/{job['id']}{VIEW}"}


def list_jobs(cursor=None):
    newest = sorted(jobs.values(), key=lambda job: job["id"], reverse=True)
    first = int(base64.b64decode(cursor)) if cursor else 0
    page = [{"see": f"stamps://jobs/{job['id']}{VIEW}", "now": state(job)["now"]} for job in newest]
    after = base64.b64encode(str(first + 2).encode()).decode() if first + 2 < len(page) else None
    return {"jobs": page[first : first + 2], "cursor": after}


def state(job):
    done = {"sorted": len(job["stamps"]), "stamps": job["of"]}
    if job["put"]:
        return {**done, "now": "put away", "where": f"stamps://archive/{place(job)}"}
    return {**done, "now": "sorting" if job["stamps"] else "warming up"}


def read(uri):
    if uri.startswith("stamps://jobs/"):
        return state(known(uri.removeprefix("stamps://jobs/").removesuffix(VIEW)))
    try:
        with open(os.path.join(archive, os.path.basename(uri))) as file:
            return json.load(file)
    except FileNotFoundError as error:
        raise LookupError(f"there is nothing at {uri}") from error


TOOLS = {"sort_stamps": sort_stamps, "list_jobs": list_jobs}
whole = {"type": "integer"}
SHAPES = {"sort_stamps": {"stamps": whole, "box": whole}, "list_jobs": {"cursor": {"type": "string"}}}


def answer(method, params):
    if method == "initialize":
        info = {"name": "stamps", "version": "1899"}
        return {"protocolVersion": "2025-06-18", "capabilities": {"tools": {}, "resources": {}}, "serverInfo": info}
    if method == "ping":
        return {}
    if method == "resources/list":
        return {"resources": []}
    if method == "tools/list":
        return {"tools": [{"name": n, "inputSchema": {"type": "object", "properties": p}} for n, p in SHAPES.items()]}
    if method == "tools/call":
        text = json.dumps(TOOLS[params["name"]](**params.get("arguments", {})))
        return {"content": [{"type": "text", "text": text}]}
    if method == "resources/read":
        text = json.dumps(read(params["uri"]))
        return {"contents": [{"uri": params["uri"], "mimeType": "application/json", "text": text}]}
    raise NotImplementedError(method)


class Door(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def say(self, code, document=None):
        body = b"" if document is None else json.dumps(document).encode()
        self.send_response(code)
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
        try:
            said["result"] = answer(asked["method"], asked.get("params", {}))
        except NotImplementedError as error:
            said["error"] = {"code": -32601, "message": f"no {error}"}
        except LookupError as error:
            said["error"] = {"code": -32002, "message": str(error)}
        return self.say(200, said)


os.makedirs(archive, exist_ok=True)
for name in sorted(os.listdir(args.album)):
    if not name.endswith(".job"):
        continue
    with open(os.path.join(args.album, name)) as file:
        job = json.load(file)
    if args.touches:
        job["at"] = time.time()
        save(job)
    jobs[job["id"]] = job
    if not job["put"]:
        begin(job)
ThreadingHTTPServer.daemon_threads = True
ThreadingHTTPServer(("127.0.0.1", args.port), Door).serve_forever()
