"""Crawls pages in memory. It does not resume and does not say so: what a restart cut off is 'abandoned', with a reason.

Bare ASGI, revision 2026-07-28 and no other.
"""

import argparse
import asyncio
import fcntl
import json
from pathlib import Path
from uuid import uuid4

import uvicorn

parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int, default=8000)
parser.add_argument("--dir", type=Path, default=Path())
args = parser.parse_args()
INTEGER = {"type": "integer", "minimum": 1}
TOOL = {
    "name": "crawl",
    "description": "Crawl a site in the background",
    "inputSchema": {
        "type": "object",
        "properties": {"pages": INTEGER, "batch": INTEGER},
        "required": ["pages", "batch"],
    },
}
REASON = "the server was restarted while this crawl was running; please start it again"
crawls, tasks = {}, set()


def keep(crawl):
    """Only the beginning and the end of a crawl are written."""
    new = args.dir / f"{crawl['id']}.new"
    new.write_text(json.dumps(crawl))
    new.replace(args.dir / f"{crawl['id']}.crawl")


async def run(crawl):
    while len(crawl["found"]) < crawl["pages"]:
        await asyncio.sleep(0.06)
        first = len(crawl["found"])
        numbers = range(first, min(first + crawl["batch"], crawl["pages"]))
        crawl["found"] += [{"path": f"/page/{n}", "links": n % 9} for n in numbers]
    keep(crawl | {"verdict": "finished"})
    crawl["verdict"] = "finished"


def call(params):
    if params.get("name") != "crawl":
        return {"code": -32602, "message": f"Unknown tool: {params.get('name')}"}
    crawl = {"id": uuid4().hex, "verdict": "crawling", "found": [], **params["arguments"]}
    keep(crawl)
    crawls[crawl["id"]] = crawl
    tasks.add(asyncio.create_task(run(crawl)))
    return {"content": [{"type": "text", "text": f"crawl://{crawl['id']}"}], "isError": False}


def read(params):
    crawl, _, part = params["uri"].removeprefix("crawl://").partition("/")
    if crawl not in crawls:
        return {"code": -32602, "message": f"Resource not found: {params['uri']}"}
    document = dict(crawls[crawl])
    pages = document.pop("found")
    document = {"pages": pages} if part == "pages" else document | {"crawled": len(pages)}
    content = {"uri": params["uri"], "mimeType": "application/json", "text": json.dumps(document)}
    return {"contents": [content], "ttlMs": 0, "cacheScope": "private"}


FRESH = {"ttlMs": 0, "cacheScope": "private"}
METHODS = {
    "server/discover": lambda _: (
        FRESH | {"supportedVersions": ["2026-07-28"], "capabilities": {"tools": {}, "resources": {}}}
    ),
    "tools/list": lambda _: FRESH | {"tools": [TOOL]},
    "resources/list": lambda _: FRESH | {"resources": []},
    "resources/templates/list": lambda _: FRESH | {"resourceTemplates": []},
    "tools/call": call,
    "resources/read": read,
}


def answer(message):
    method = METHODS.get(message["method"])
    result = method(message["params"]) if method else {"code": -32601, "message": "Method not found"}
    if "code" in result:
        return {"jsonrpc": "2.0", "id": message["id"], "error": result}
    who = {"io.modelcontextprotocol/serverInfo": {"name": "crawler", "version": "0.3"}}
    return {"jsonrpc": "2.0", "id": message["id"], "result": {"resultType": "complete", "_meta": who, **result}}


async def respond(send, status, body=b""):
    await send({"type": "http.response.start", "status": status, "headers": [(b"content-type", b"application/json")]})
    await send({"type": "http.response.body", "body": body})


async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    body, more = b"", True
    while more:
        event = await receive()
        body, more = body + event.get("body", b""), event.get("more_body", False)
    if scope["path"] != "/mcp" or scope["method"] != "POST":
        await respond(send, 404 if scope["path"] != "/mcp" else 405)
        return
    message = json.loads(body)
    if "id" not in message:
        await respond(send, 202)
        return
    reply = answer(message)
    status = {-32601: 404, -32602: 400}.get(reply.get("error", {}).get("code"), 200)
    await respond(send, status, json.dumps(reply).encode())


if __name__ == "__main__":
    lock = (args.dir / "lock").open("w")
    fcntl.flock(lock, fcntl.LOCK_EX)  # whoever was here before us has ended now
    for path in args.dir.glob("*.crawl"):
        crawl = json.loads(path.read_text())
        if crawl["verdict"] == "crawling":
            crawl |= {"verdict": "abandoned", "reason": REASON}
            keep(crawl)
        crawls[crawl["id"]] = crawl
    uvicorn.run(app, host="127.0.0.1", port=args.port, log_level="warning", lifespan="off")
