"""Scores leads. Answers 503 for its first second; the state is a journal of events, replayed at start.

Starlette; it speaks both eras. An event that was torn by a crash has no valid checksum, and is cut off.
"""

import argparse
import asyncio
import fcntl
import json
import os
import time
import zlib
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import uvicorn
from starlette.applications import Starlette
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int, default=8000)
parser.add_argument("--dir", type=Path, default=Path())
parser.add_argument("--ledger")
parser.add_argument("--load-s", type=float, default=1)
args = parser.parse_args()
ready_at = time.monotonic() + args.load_s
jobs, tasks, loaded = {}, set(), asyncio.Event()
journal = os.open(args.dir / "journal", os.O_RDWR | os.O_CREAT | os.O_APPEND)
SCHEMA = {"type": "object", "properties": {"leads": {"type": "integer"}, "batch": {"type": "integer"}}}


def apply(event):
    if event["what"] == "ordered":
        jobs[event["job"]] = {"leads": event["leads"], "batch": event["batch"], "scores": []}
    else:
        jobs[event["job"]]["scores"] += event["scores"]


def append(**event):
    body = json.dumps(event).encode()
    os.write(journal, b"%08x %s\n" % (zlib.crc32(body), body))
    os.fsync(journal)
    apply(event)


def replay():
    size = 0
    for line in (args.dir / "journal").read_bytes().splitlines(keepends=True):
        if not line.endswith(b"\n") or int(line[:8], 16) != zlib.crc32(line[9:-1]):
            break
        apply(json.loads(line[9:]))
        size += len(line)
    os.ftruncate(journal, size)


async def score(name):
    job = jobs[name]
    while len(job["scores"]) < job["leads"]:
        first = len(job["scores"])
        numbers = range(first, min(first + job["batch"], job["leads"]))
        await asyncio.sleep(0.05)
        if args.ledger:
            with open(args.ledger, "a") as ledger:
                ledger.writelines(json.dumps({"task": name, "record": f"L{n}"}) + "\n" for n in numbers)
        append(what="scored", job=name, scores=[{"lead": f"L{n}", "score": n * 13 % 100} for n in numbers])


@asynccontextmanager
async def lifespan(_):
    async def load():
        await asyncio.to_thread(fcntl.flock, journal, fcntl.LOCK_EX)
        replay()
        await asyncio.sleep(max(0, ready_at - time.monotonic()))
        for name in jobs:
            tasks.add(asyncio.create_task(score(name)))
        loaded.set()

    tasks.add(asyncio.create_task(load()))
    yield


def call(params):
    if params["name"] == "score_leads":
        name = uuid4().hex
        append(what="ordered", job=name, **params["arguments"])
        tasks.add(asyncio.create_task(score(name)))
        document = {"job": name}
    else:
        job = jobs.get(params["arguments"]["job"])
        if job is None:
            return {"content": [{"type": "text", "text": "no such job"}], "isError": True}
        done = len(job["scores"])
        if params["name"] == "lead_scores":
            document = {"scores": job["scores"]}
        else:
            state = "SUCCESS" if done == job["leads"] else "PENDING" if not done else "RUNNING"
            document = {"job": params["arguments"]["job"], "state": state, "done": done, "leads": job["leads"]}
    text = [{"type": "text", "text": json.dumps(document)}]
    return {"content": text, "structuredContent": document, "isError": False}


def tools(_):
    asking = {"type": "object", "properties": {"job": {"type": "string"}}, "required": ["job"]}
    schemas = {"score_leads": SCHEMA, "scoring_state": asking, "lead_scores": asking}
    return {"tools": [{"name": name, "inputSchema": schema} for name, schema in schemas.items()]}


def initialize(params):
    info = {"name": "leads", "version": "4"}
    return {"protocolVersion": "2025-11-25", "capabilities": {"tools": {}}, "serverInfo": info}


def discover(_):
    return {"supportedVersions": ["2026-07-28", "2025-11-25"], "capabilities": {"tools": {}}}


METHODS = {"initialize": initialize, "server/discover": discover, "ping": lambda _: {}, "tools/list": tools}


async def post(request):
    if not loaded.is_set():
        return PlainTextResponse("still loading\n", 503, {"Retry-After": "1"})
    message = await request.json()
    if "id" not in message:
        return Response(status_code=202)
    method = call if message["method"] == "tools/call" else METHODS.get(message["method"])
    answer = {"jsonrpc": "2.0", "id": message["id"]}
    if method is None:
        return JSONResponse(answer | {"error": {"code": -32601, "message": "Method not found"}}, 404)
    result = method(message.get("params") or {})
    if request.headers.get("mcp-protocol-version") == "2026-07-28":
        who = {"io.modelcontextprotocol/serverInfo": {"name": "leads", "version": "4"}}
        result = {"resultType": "complete", "ttlMs": 0, "cacheScope": "private", "_meta": who, **result}
    return JSONResponse(answer | {"result": result})


if __name__ == "__main__":
    app = Starlette(routes=[Route("/mcp", post, methods=["POST"])], lifespan=lifespan)
    uvicorn.run(app, host="127.0.0.1", port=args.port, log_level="warning")
