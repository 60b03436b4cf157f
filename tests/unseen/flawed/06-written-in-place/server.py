"""Plain JSON-RPC over Starlette. All jobs lie in one JSON file, and it is written in place."""

import argparse
import hashlib
import json
import threading
import time
from pathlib import Path
from uuid import uuid4

import uvicorn
from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int, default=8000)
parser.add_argument("--dir", type=Path, default=Path())
args = parser.parse_args()
store = args.dir / "jobs.json"
lock = threading.Lock()
VERSION = "2025-11-25"
SCHEMA = {"type": "object", "properties": {"total": {"type": "integer"}, "batch": {"type": "integer"}}}
TOOL = {"name": "fingerprint", "description": "Fingerprint chunks in the background.", "inputSchema": SCHEMA}


def load():
    try:
        return json.loads(store.read_text())
    except (FileNotFoundError, ValueError):  # the first start, or nothing that we could use
        return {}


def save():
    with store.open("w") as file:
        json.dump(jobs, file, indent=1)


def prints(n):
    return [hashlib.sha256(f"{n}.{part}".encode()).hexdigest() for part in range(40)]


def work(job):
    while len(job["chunks"]) < job["total"]:
        time.sleep(0.012)
        first = len(job["chunks"])
        chunks = [{"n": n, "prints": prints(n)} for n in range(first, min(first + job["batch"], job["total"]))]
        with lock:
            job["chunks"] += chunks
            save()


def call(params):
    wanted = params["arguments"]
    job = {"id": uuid4().hex, "total": int(wanted["total"]), "batch": int(wanted["batch"]), "chunks": []}
    with lock:
        jobs[job["id"]] = job
        save()
    threading.Thread(target=work, args=(job,), daemon=True).start()
    return {"content": [{"type": "text", "text": f"job://{job['id']}"}], "isError": False}


def read(params):
    uri = params["uri"]
    name, _, what = uri.removeprefix("job://").partition("/")
    job = jobs[name]
    done = len(job["chunks"])
    state = "completed" if done == job["total"] else "working"
    shown = {"id": name, "status": state, "done": done, "total": job["total"]}
    text = json.dumps([{"n": chunk["n"], "print": chunk["prints"][0]} for chunk in job["chunks"]] if what else shown)
    return {"contents": [{"uri": uri, "mimeType": "application/json", "text": text}]}


def initialize(params):
    able = {"tools": {}, "resources": {}}
    return {"protocolVersion": VERSION, "capabilities": able, "serverInfo": {"name": "fingerprints", "version": "1"}}


METHODS = {
    "initialize": initialize,
    "ping": lambda _: {},
    "tools/list": lambda _: {"tools": [TOOL]},
    "tools/call": call,
    "resources/list": lambda _: {"resources": []},
    "resources/read": read,
}


async def endpoint(request):
    message = await request.json()
    if "id" not in message:
        return Response(status_code=202)
    answer = {"jsonrpc": "2.0", "id": message["id"]}
    if message["method"] not in METHODS:
        return JSONResponse(answer | {"error": {"code": -32601, "message": f"no method {message['method']}"}})
    try:
        return JSONResponse(answer | {"result": METHODS[message["method"]](message.get("params") or {})})
    except KeyError as missing:
        return JSONResponse(answer | {"error": {"code": -32602, "message": f"not found: {missing}"}})


jobs = load()
for unfinished in jobs.values():
    threading.Thread(target=work, args=(unfinished,), daemon=True).start()
app = Starlette(routes=[Route("/mcp", endpoint, methods=["POST"])])
uvicorn.run(app, host="127.0.0.1", port=args.port, log_level="warning")
