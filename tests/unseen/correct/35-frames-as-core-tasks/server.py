"""Core tasks of 2025-11-25 over one SQLite table; pages of three; a ttl that is the server's own."""

import argparse
import json
import sqlite3
import threading
import time
import uuid
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

p = argparse.ArgumentParser()
p.add_argument("--port", type=int)
p.add_argument("--db")
p.add_argument("--effects")
p.add_argument("--write-behind", action="store_true")
a = p.parse_args()
lock = threading.RLock()
db = sqlite3.connect(a.db, isolation_level=None, check_same_thread=False)
db.execute("PRAGMA journal_mode=WAL")
db.execute("CREATE TABLE IF NOT EXISTS t (id TEXT PRIMARY KEY, at TEXT, ord INTEGER, body TEXT)")
tasks, dirty = {}, set()
log = open(a.effects, "ab", buffering=0)  # noqa: SIM115


def now():
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def store(t):
    db.execute(
        "INSERT INTO t VALUES (?,?,?,?) ON CONFLICT(id) DO UPDATE SET body=excluded.body",
        (t["id"], t["created"], t["ord"], json.dumps(t)),
    )


def save(t):
    if a.write_behind:
        dirty.add(t["id"])
    else:
        store(t)


def flusher():
    while True:
        time.sleep(0.4)
        with lock:
            for i in list(dirty):
                store(tasks[i])
            dirty.clear()


def run(t):
    while True:
        time.sleep(0.05)
        with lock:
            if t["status"] != "working":
                return
            first = len(t["frames"])
            last = min(first + t["chunk"], t["n"])
            new = [{"no": i, "sum": i * 7 % 11} for i in range(first, last)]
            log.write("".join(json.dumps({"task": t["id"], "record": str(f["no"])}) + "\n" for f in new).encode())
            t["frames"] += new
            t["updated"] = now()
            if last == t["n"]:
                t["status"] = "completed"
            save(t)


def go(t):
    threading.Thread(target=run, args=(t,), daemon=True).start()


def shown(t):
    return {
        "taskId": t["id"],
        "status": t["status"],
        "createdAt": t["created"],
        "lastUpdatedAt": t["updated"],
        "ttl": 7200000,
        "pollInterval": 50,
        "_meta": {"done": len(t["frames"]), "of": t["n"]},
    }


class Wrong(Exception):
    pass


def find(i):
    if i not in tasks:
        raise Wrong("Task not found")
    return tasks[i]


def answer(m, q):
    if m == "initialize":
        return {
            "protocolVersion": "2025-11-25",
            "serverInfo": {"name": "frames", "version": "3"},
            "capabilities": {"tools": {}, "tasks": {"list": {}, "cancel": {}, "requests": {"tools": {"call": {}}}}},
        }
    if m == "ping":
        return {}
    if m == "tools/list":
        return {
            "tools": [
                {
                    "name": "render",
                    "inputSchema": {
                        "type": "object",
                        "properties": {"frames": {"type": "integer"}, "chunk": {"type": "integer"}},
                    },
                    "execution": {"taskSupport": "required"},
                }
            ]
        }
    with lock:
        if m == "tools/call":
            t = {
                "id": str(uuid.uuid4()),
                "created": now(),
                "updated": now(),
                "ord": len(tasks),
                "status": "working",
                "n": q["arguments"]["frames"],
                "chunk": q["arguments"]["chunk"],
                "frames": [],
            }
            tasks[t["id"]] = t
            store(t)
            go(t)
            return {"task": shown(t)}
        if m == "tasks/get":
            return shown(find(q["taskId"]))
        if m == "tasks/cancel":
            t = find(q["taskId"])
            if t["status"] != "working":
                raise Wrong("already " + t["status"])
            t["status"] = "cancelled"
            t["updated"] = now()
            store(t)
            return shown(t)
        if m == "tasks/list":
            at = int(q.get("cursor") or 0)
            every = sorted(tasks.values(), key=lambda t: t["ord"])
            return {
                "tasks": [shown(t) for t in every[at : at + 3]],
                **({"nextCursor": str(at + 3)} if at + 3 < len(every) else {}),
            }
    if m == "tasks/result":
        while (t := find(q["taskId"]))["status"] == "working":
            time.sleep(0.02)
        if t["status"] == "cancelled":
            return {"content": [{"type": "text", "text": "cancelled"}], "isError": True}
        body = {"frames": t["frames"], "n": len(t["frames"])}
        return {
            "content": [{"type": "text", "text": json.dumps(body)}],
            "structuredContent": body,
            "_meta": {"io.modelcontextprotocol/related-task": {"taskId": t["id"]}},
        }
    raise LookupError(m)


class H(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        self.end(405, b"")

    do_DELETE = do_GET

    def end(self, code, body):
        self.send_response(code)
        self.send_header("content-length", str(len(body)))
        if body:
            self.send_header("content-type", "application/json")
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        r = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if "id" not in r:
            return self.end(202, b"")
        said = {"jsonrpc": "2.0", "id": r["id"]}
        try:
            said["result"] = answer(r["method"], r.get("params") or {})
        except Wrong as e:
            said["error"] = {"code": -32602, "message": str(e)}
        except LookupError as e:
            said["error"] = {"code": -32601, "message": str(e)}
        self.end(200, json.dumps(said).encode())
        return None


for (body,) in db.execute("SELECT body FROM t").fetchall():
    t = json.loads(body)
    tasks[t["id"]] = t
    if t["status"] == "working":
        go(t)
if a.write_behind:
    threading.Thread(target=flusher, daemon=True).start()
ThreadingHTTPServer.daemon_threads = True
ThreadingHTTPServer(("127.0.0.1", a.port), H).serve_forever()
