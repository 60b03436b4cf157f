"""Plain JSON-RPC over Starlette, both eras. Books payments; each has the balance after it, which a restart forgets."""

import argparse
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
MODERN, LEGACY = "2026-07-28", "2025-11-25"
INFO = {"name": "ledger of payments", "version": "3"}
ABLE = {"tools": {}, "resources": {}}
NUMBERS = {"type": "object", "properties": {"total": {"type": "integer"}, "batch": {"type": "integer"}}}
NAMED = {"type": "object", "properties": {"booking": {"type": "string"}}, "required": ["booking"]}
TOOLS = [
    {"name": "book_payments", "description": "Book payments in the background.", "inputSchema": NUMBERS},
    {"name": "booking_status", "description": "How far a booking is.", "inputSchema": NAMED},
]
plans = {}
booked = {}


def path(booking):
    return args.dir / f"{booking}.jsonl"


def lines(booking):  # a line without its end was written by a life that died
    if not path(booking).exists():
        return []
    whole = path(booking).read_bytes().rpartition(b"\n")[0]
    return [json.loads(line) for line in whole.splitlines()]


def work(booking):
    plan, done, balance = plans[booking], booked[booking], 0
    while done < plan["total"]:
        time.sleep(0.1)
        rows = []
        for n in range(done, min(done + plan["batch"], plan["total"])):
            balance += (n * 37) % 101 + 1
            rows.append({"payment": n, "balance": balance})
        with path(booking).open("ab") as file:
            file.write("".join(json.dumps(row) + "\n" for row in rows).encode())
        done += len(rows)
        booked[booking] = done


def start(booking):
    booked[booking] = len(lines(booking))
    with path(booking).open("ab") as file:
        file.truncate(path(booking).read_bytes().rfind(b"\n") + 1)
    threading.Thread(target=work, args=(booking,), daemon=True).start()


def call(params):
    wanted = params.get("arguments") or {}
    if params["name"] == "book_payments":
        booking = uuid4().hex
        plan = {"total": int(wanted["total"]), "batch": int(wanted["batch"])}
        beside = args.dir / f"{booking}.tmp"
        beside.write_text(json.dumps(plan))
        beside.replace(args.dir / f"{booking}.plan")
        plans[booking] = plan
        start(booking)
    else:
        booking = wanted["booking"]
    total, done = plans[booking]["total"], booked[booking]
    state = "Completed" if done == total else "Running"
    out = {"booking": booking, "state": state, "booked": done, "payments": total}
    return {"content": [{"type": "text", "text": json.dumps(out)}], "structuredContent": out, "isError": False}


def read(params):
    text = json.dumps(lines(params["uri"].removeprefix("booking://")))
    return {"contents": [{"uri": params["uri"], "mimeType": "application/json", "text": text}]}


METHODS = {
    "initialize": lambda _: {"protocolVersion": LEGACY, "capabilities": ABLE, "serverInfo": INFO},
    "server/discover": lambda _: {"supportedVersions": [MODERN, LEGACY], "capabilities": ABLE},
    "ping": lambda _: {},
    "tools/list": lambda _: {"tools": TOOLS},
    "tools/call": call,
    "resources/list": lambda _: {"resources": []},
    "resources/templates/list": lambda _: {"resourceTemplates": []},
    "resources/read": read,
}
CACHED = {"server/discover", "tools/list", "resources/list", "resources/templates/list", "resources/read"}


async def endpoint(request):
    message = await request.json()
    if "id" not in message:
        return Response(status_code=202)
    answer = {"jsonrpc": "2.0", "id": message["id"]}
    method, params = message["method"], message.get("params") or {}
    if method not in METHODS:
        return JSONResponse(answer | {"error": {"code": -32601, "message": f"no method {method}"}}, status_code=404)
    try:
        result = METHODS[method](params)
    except KeyError as missing:
        error = {"code": -32602, "message": f"not found: {missing}"}
        return JSONResponse(answer | {"error": error}, status_code=400)
    if request.headers.get("mcp-protocol-version") == MODERN:
        result |= {"resultType": "complete", "_meta": {"io.modelcontextprotocol/serverInfo": INFO}}
        result |= {"ttlMs": 0, "cacheScope": "private"} if method in CACHED else {}
    return JSONResponse(answer | {"result": result})


for found in args.dir.glob("*.plan"):
    plans[found.stem] = json.loads(found.read_text())
    start(found.stem)
app = Starlette(routes=[Route("/mcp", endpoint, methods=["POST"])])
uvicorn.run(app, host="127.0.0.1", port=args.port, log_level="warning")
