"""Signs certificates in a blocking call, streamed by hand. The state alternates between two slots with checksums.

Plain Starlette, revision 2025-11-25. A slot that was torn by a crash is not valid, and the other one counts.
"""

import argparse
import asyncio
import fcntl
import hashlib
import json
import os
import re
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int, default=8000)
parser.add_argument("--dir", type=Path, default=Path())
parser.add_argument("--ledger")
args = parser.parse_args()
lock = (args.dir / "signer.lock").open("w")
fcntl.flock(lock, fcntl.LOCK_EX)  # one signer for this directory
calls = {}
NUMBER = {"type": "integer"}
PROPERTIES = {"client": {"type": "string"}, "certificates": NUMBER, "batch": NUMBER}
TOOL = {"name": "sign", "inputSchema": {"type": "object", "properties": PROPERTIES, "required": list(PROPERTIES)}}


def digest(body):
    return hashlib.sha256(body).hexdigest().encode()


def load(client):
    """The newer of the two slots that are whole."""
    states = [{"turn": 0, "signed": []}]
    for slot in "ab":
        path = args.dir / f"{client}.{slot}"
        if path.exists():
            check, _, body = path.read_bytes().partition(b"\n")
            if digest(body) == check:
                states.append(json.loads(body))
    return max(states, key=lambda state: state["turn"])


def save(client, signed, turn):
    body = json.dumps({"turn": turn, "signed": signed}).encode()
    with (args.dir / f"{client}.{'ab'[turn % 2]}").open("wb") as file:
        file.write(digest(body) + b"\n" + body)
        file.flush()
        os.fsync(file.fileno())


async def sign(client, certificates, batch):
    """Yields how many are signed. Two calls of one client take turns: a batch starts from what the slots say."""
    signed = load(client)["signed"]
    while len(signed) < certificates:
        async with calls.setdefault(client, asyncio.Lock()):
            state = load(client)
            signed = state["signed"]
            if len(signed) >= certificates:
                break
            await asyncio.sleep(0.06)
            numbers = range(len(signed), min(len(signed) + batch, certificates))
            if args.ledger:
                with open(args.ledger, "a") as ledger:
                    ledger.writelines(json.dumps({"task": client, "record": n}) + "\n" for n in numbers)
            signed = signed + [{"serial": n, "seal": digest(b"%d" % n).decode()[:8]} for n in numbers]
            save(client, signed, state["turn"] + 1)
        yield len(signed)


async def stream(message):
    given, token = message["params"]["arguments"], message["params"].get("_meta", {}).get("progressToken")
    answer = {"jsonrpc": "2.0", "id": message["id"]}
    if not re.fullmatch(r"[\w-]{1,80}", given["client"]):
        yield event(answer | {"error": {"code": -32602, "message": "client: letters, digits, - and _ only"}})
        return
    async for done in sign(**given):
        if token is not None:
            shown = {"progressToken": token, "progress": done, "total": given["certificates"]}
            yield event({"jsonrpc": "2.0", "method": "notifications/progress", "params": shown})
    result = {"signed": len(load(given["client"])["signed"])}
    text = [{"type": "text", "text": json.dumps(result)}]
    yield event(answer | {"result": {"content": text, "structuredContent": result}})


def event(message):
    return f"event: message\ndata: {json.dumps(message)}\n\n"


def read(params):
    signed = load(params["uri"].removeprefix("signed://"))["signed"]
    return {"contents": [{"uri": params["uri"], "mimeType": "application/json", "text": json.dumps(signed)}]}


def initialize(params):
    info = {"name": "signer", "version": "2.0"}
    return {"protocolVersion": "2025-11-25", "capabilities": {"tools": {}, "resources": {}}, "serverInfo": info}


METHODS = {
    "initialize": initialize,
    "ping": lambda _: {},
    "tools/list": lambda _: {"tools": [TOOL]},
    "resources/list": lambda _: {"resources": []},
    "resources/templates/list": lambda _: {"resourceTemplates": []},
    "resources/read": read,
}


async def post(request):
    message = await request.json()
    if "id" not in message:
        return Response(status_code=202)
    if message["method"] == "tools/call":
        return StreamingResponse(stream(message), media_type="text/event-stream")
    answer = {"jsonrpc": "2.0", "id": message["id"]}
    if message["method"] not in METHODS:
        return JSONResponse(answer | {"error": {"code": -32601, "message": "Method not found"}})
    return JSONResponse(answer | {"result": METHODS[message["method"]](message.get("params") or {})})


if __name__ == "__main__":
    app = Starlette(routes=[Route("/mcp", post, methods=["POST"])])
    uvicorn.run(app, host="127.0.0.1", port=args.port, log_level="warning", timeout_graceful_shutdown=1)
