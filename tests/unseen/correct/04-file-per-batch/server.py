"""Resizes photos. Plain Starlette; a thread a job, a file a batch that appears whole or not at all."""

import argparse
import contextlib
import json
import os
import threading
import time
from pathlib import Path
from uuid import uuid4

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int, default=8000)
parser.add_argument("--dir", type=Path, default=Path())
args = parser.parse_args()
SCHEMA = {"type": "object", "properties": {"photos": {"type": "integer"}, "batch": {"type": "integer"}}}
TOOL = {
    "name": "resize_album",
    "description": "Resize an album",
    "inputSchema": SCHEMA | {"required": ["photos", "batch"]},
}


class Refused(Exception):
    """What is answered as a JSON-RPC error."""


def resize(album):
    order = json.loads((album / "order.json").read_text())
    for number, first in enumerate(range(0, order["photos"], order["batch"])):
        final = album / f"batch-{number:04}.json"
        if final.exists():
            continue
        time.sleep(0.08)
        numbers = range(first, min(first + order["batch"], order["photos"]))
        mine = album / f"{uuid4().hex}.tmp"
        mine.write_text(json.dumps([{"photo": f"IMG_{n}.jpg", "width": 640 + n % 3} for n in numbers]))
        with contextlib.suppress(FileExistsError):  # a link never replaces what another process has finished
            os.link(mine, final)
        mine.unlink()


def start(album):
    threading.Thread(target=resize, args=(album,), daemon=True).start()


def call(params):
    if params["name"] != "resize_album":
        raise Refused(-32602, f"Unknown tool: {params['name']}")
    fresh = args.dir / f"new-{uuid4().hex}"
    fresh.mkdir()
    (fresh / "order.json").write_text(json.dumps(params["arguments"]))
    album = fresh.rename(args.dir / f"album-{uuid4().hex}")
    start(album)
    return {"content": [{"type": "text", "text": f"album://{album.name}"}]}


def read(params):
    name, _, page = params["uri"].removeprefix("album://").partition("/page/")
    album = args.dir / name
    if not name.startswith("album-") or not album.is_dir():
        raise Refused(-32602, f"Resource not found: {params['uri']}")
    order = json.loads((album / "order.json").read_text())
    batches = sorted(album.glob("batch-*.json"))
    if page:
        photos = json.loads(batches[int(page)].read_text())
        following = f"album://{name}/page/{int(page) + 1}" if int(page) + 1 < len(batches) else None
        document = {"photos": photos, "next": following}
    else:
        done = min(len(batches) * order["batch"], order["photos"])
        status = "COMPLETED" if done == order["photos"] else "WORKING"
        document = {"album": name, "status": status, "done": done, "total": order["photos"]}
    return {"contents": [{"uri": params["uri"], "mimeType": "application/json", "text": json.dumps(document)}]}


def initialize(params):
    info = {"name": "photos", "version": "1.2"}
    return {"protocolVersion": "2025-11-25", "capabilities": {"tools": {}, "resources": {}}, "serverInfo": info}


METHODS = {
    "initialize": initialize,
    "ping": lambda _: {},
    "tools/list": lambda _: {"tools": [TOOL]},
    "tools/call": call,
    "resources/list": lambda _: {"resources": []},
    "resources/templates/list": lambda _: {"resourceTemplates": []},
    "resources/read": read,
}


async def post(request: Request) -> Response:
    message = await request.json()
    if "id" not in message:
        return Response(status_code=202)
    answer = {"jsonrpc": "2.0", "id": message["id"]}
    try:
        if message["method"] not in METHODS:
            raise Refused(-32601, "Method not found")
        answer["result"] = METHODS[message["method"]](message.get("params") or {})
    except Refused as error:
        answer["error"] = dict(zip(("code", "message"), error.args, strict=True))
    return JSONResponse(answer)


if __name__ == "__main__":
    for folder in args.dir.glob("album-*"):
        start(folder)
    uvicorn.run(Starlette(routes=[Route("/mcp", post, methods=["POST"])]), port=args.port, log_level="warning")
