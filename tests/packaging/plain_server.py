"""An MCP server that needs nothing but Python: a job goes on by a batch whenever somebody asks how far it is."""

import json
import sqlite3
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

STATELESS = "2026-07-28"
INVALID_PARAMS = -32602

store = sqlite3.connect(sys.argv[2], isolation_level=None)
store.execute("CREATE TABLE IF NOT EXISTS jobs (id INTEGER PRIMARY KEY, total INTEGER, batch INTEGER)")
store.execute("CREATE TABLE IF NOT EXISTS squares (job INTEGER, n INTEGER, square INTEGER, PRIMARY KEY (job, n))")


def start(total: int, batch: int) -> dict[str, Any]:
    job = store.execute("INSERT INTO jobs (total, batch) VALUES (?, ?)", (total, batch)).lastrowid
    return {"content": [{"type": "text", "text": f"job://{job}"}]}


def look(uri: str) -> dict[str, Any]:
    job, _, part = uri.removeprefix("job://").partition("/")
    total, batch = store.execute("SELECT total, batch FROM jobs WHERE id = ?", (job,)).fetchone()
    done = [{"n": n, "square": square} for n, square in store.execute("SELECT n, square FROM squares ORDER BY n")]
    if part:
        return {"contents": [{"uri": uri, "text": json.dumps(done)}]}
    status = "completed" if len(done) == total else "running"
    text = json.dumps({"id": job, "status": status, "done": len(done), "total": total})
    more = range(len(done), min(len(done) + batch, total))
    with store:
        store.execute("BEGIN")
        store.executemany("INSERT INTO squares VALUES (?, ?, ?)", [(job, n, n * n) for n in more])
    return {"contents": [{"uri": uri, "text": text}]}


def answer(method: str, params: dict[str, Any]) -> dict[str, Any]:
    if method == "server/discover":
        return {"supportedVersions": [STATELESS], "capabilities": {"tools": {}, "resources": {}}}
    if method == "tools/list":
        return {"tools": [{"name": "start", "inputSchema": {"type": "object"}}]}
    if method == "tools/call":
        return start(**params["arguments"])
    if method == "resources/read":
        return look(params["uri"])
    raise LookupError(method)


class Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["content-length"])))
        said: dict[str, Any] = {"jsonrpc": "2.0", "id": request.get("id")}
        try:
            said["result"] = answer(request["method"], request["params"])
        except (LookupError, TypeError) as error:
            said["error"] = {"code": INVALID_PARAMS, "message": repr(error)}
        body = json.dumps(said).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
