"""Plain JSON-RPC over Starlette. An orderly shutdown saves where every job is: at the batch that it has begun."""

import argparse
import asyncio
import json
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import uvicorn
from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int, default=8000)
parser.add_argument("--dir", type=Path, default=Path())
parser.add_argument("--ledger", type=Path)
args = parser.parse_args()
jobs = {}
running = set()
VERSION = "2025-11-25"
SCHEMA = {"type": "object", "properties": {"total": {"type": "integer"}, "batch": {"type": "integer"}}}
TOOL = {"name": "anonymize", "description": "Anonymize patients in the background.", "inputSchema": SCHEMA}


def save(job):
    beside = args.dir / f"{job['id']}.tmp"
    beside.write_text(json.dumps(job))
    beside.replace(args.dir / f"{job['id']}.job")


def output(job):
    return args.dir / f"{job['id']}.jsonl"


def append(job, numbers):
    if args.ledger:
        with args.ledger.open("a") as file:
            file.writelines(json.dumps({"task": job["id"], "record": n}) + "\n" for n in numbers)
    with output(job).open("a") as file:
        file.writelines(json.dumps({"patient": n, "name": "-"}) + "\n" for n in numbers)
        return file.tell()


async def work(job):
    with output(job).open("ab") as file:
        file.truncate(job["bytes"])
    while job["next"] < job["total"]:
        numbers = range(job["next"], min(job["next"] + job["batch"], job["total"]))
        job["next"] = numbers.stop
        await asyncio.sleep(0.08)
        job["bytes"] = append(job, numbers)
        job["done"] = numbers.stop
        save(job)


@asynccontextmanager
async def lifespan(_):
    for path in args.dir.glob("*.job"):
        job = json.loads(path.read_text())
        jobs[job["id"]] = job
        running.add(asyncio.create_task(work(job)))
    yield
    for job in jobs.values():
        save(job)


def call(params):
    wanted = params["arguments"]
    job = {"id": uuid4().hex, "total": int(wanted["total"]), "batch": int(wanted["batch"])}
    job |= {"next": 0, "done": 0, "bytes": 0}
    save(job)
    jobs[job["id"]] = job
    running.add(asyncio.create_task(work(job)))
    return {"content": [{"type": "text", "text": f"patients://{job['id']}"}], "isError": False}


def read(params):
    uri = params["uri"]
    job = jobs[uri.removeprefix("patients://")]
    ended = job["next"] == job["total"] and job["done"] == job["next"]
    shown = {"id": job["id"], "status": "Completed" if ended else "Running", "done": job["done"], "total": job["total"]}
    return {"contents": [{"uri": uri, "mimeType": "application/json", "text": json.dumps(shown)}]}


def initialize(params):
    able = {"tools": {}, "resources": {}}
    return {"protocolVersion": VERSION, "capabilities": able, "serverInfo": {"name": "anonymizer", "version": "1"}}


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


app = Starlette(routes=[Route("/mcp", endpoint, methods=["POST"])], lifespan=lifespan)
uvicorn.run(app, host="127.0.0.1", port=args.port, log_level="warning", timeout_graceful_shutdown=1)
