"""One blocking call whose stream of events lies in a file, line by line: whoever comes back reads on from his line."""

import argparse
import contextlib
import json
import threading
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

p = argparse.ArgumentParser()
p.add_argument("--port", type=int)
p.add_argument("--dir", type=Path)
p.add_argument("--effects")
p.add_argument("--own-numbers", action="store_true")
a = p.parse_args()
a.dir.mkdir(parents=True, exist_ok=True)
lock = threading.Lock()
moved = threading.Condition(lock)
log = open(a.effects, "ab", buffering=0)  # noqa: SIM115
jobs, streams, counts = {}, {}, {}


def write(path, data):
    new = path.with_suffix(".new")
    new.write_text(json.dumps(data))
    new.replace(path)


def append(stream, message):
    s = streams[stream]
    n = counts[stream] = counts.get(stream, 0 if a.own_numbers else len(s)) + 1
    event = {"id": f"{stream}_{n}", "data": message}
    with open(a.dir / f"{stream}.stream", "a") as f:
        f.write(json.dumps(event) + "\n")
    s.append(event)
    moved.notify_all()


def finish(job):
    for stream, request in job["asked"].items():
        if any(e["data"] and "result" in e["data"] for e in streams[stream]):
            continue
        rows = job["rows"]
        body = {"total": len(rows), "rows": rows}
        append(
            stream,
            {
                "jsonrpc": "2.0",
                "id": request["id"],
                "result": {"content": [{"type": "text", "text": json.dumps(body)}], "structuredContent": body},
            },
        )
    job["told"] = True


def run(job):
    while True:
        time.sleep(0.06)
        with lock:
            first, last = len(job["rows"]), min(len(job["rows"]) + job["size"], job["of"])
            if first < last:
                log.write(
                    "".join(
                        json.dumps({"task": job["key"], "record": str(i)}) + "\n" for i in range(first, last)
                    ).encode()
                )
                job["rows"] += [{"row": i, "v": i * i % 13} for i in range(first, last)]
                write(a.dir / f"{job['key']}.job", job)
                for stream, request in job["asked"].items():
                    if request["token"] is not None:
                        append(
                            stream,
                            {
                                "jsonrpc": "2.0",
                                "method": "notifications/progress",
                                "params": {"progressToken": request["token"], "progress": last, "total": job["of"]},
                            },
                        )
            if last == job["of"]:
                finish(job)
                write(a.dir / f"{job['key']}.job", job)
                return


def go(job):
    threading.Thread(target=run, args=(job,), daemon=True).start()


for f in a.dir.glob("*.stream"):
    lines = f.read_text().splitlines(keepends=True)
    whole = [line for line in lines if line.endswith("\n")]
    if len(whole) < len(lines):
        f.write_text("".join(whole))
    streams[f.stem] = [json.loads(line) for line in whole]
for f in a.dir.glob("*.job"):
    job = jobs[f.stem] = json.loads(f.read_text())
    if not job["told"]:
        go(job)
sessions = set((a.dir / "sessions").read_text().split()) if (a.dir / "sessions").exists() else set()


class H(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def plain(self, code, body=None, **headers):
        data = b"" if body is None else json.dumps(body).encode()
        self.send_response(code)
        for k, v in headers.items():
            self.send_header(k.replace("_", "-"), v)
        if data:
            self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def events(self, stream, after):
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("cache-control", "no-store")
        self.send_header("connection", "close")
        self.end_headers()
        self.close_connection = True
        at = after
        while True:
            with lock:
                while at >= len(streams[stream]):
                    moved.wait(1)
                new = streams[stream][at:]
            at += len(new)
            for e in new:
                data = "" if e["data"] is None else json.dumps(e["data"])
                self.wfile.write(f"id: {e['id']}\ndata: {data}\n\n".encode())
            self.wfile.flush()
            if any(e["data"] and "result" in e["data"] for e in new):
                return

    def do_GET(self):
        last = self.headers.get("last-event-id")
        if not last:
            return self.plain(405)
        stream = last.rpartition("_")[0]
        if stream not in streams:
            return self.plain(404)
        at = next((i for i, e in enumerate(streams[stream]) if e["id"] == last), None)
        if at is None:
            return self.plain(404)
        with contextlib.suppress(OSError):
            self.events(stream, at + 1)
        return None

    def do_DELETE(self):
        self.plain(405)

    def do_POST(self):
        r = json.loads(self.rfile.read(int(self.headers["content-length"])))
        m, q = r.get("method"), r.get("params") or {}
        if "id" not in r:
            return self.plain(202)
        if m == "initialize":
            s = uuid.uuid4().hex
            with open(a.dir / "sessions", "a") as f:
                f.write(s + "\n")
            sessions.add(s)
            return self.plain(
                200,
                {
                    "jsonrpc": "2.0",
                    "id": r["id"],
                    "result": {
                        "protocolVersion": "2025-06-18",
                        "capabilities": {"tools": {}},
                        "serverInfo": {"name": "rows", "version": "1"},
                    },
                },
                mcp_session_id=s,
            )
        if self.headers.get("mcp-session-id") not in sessions:
            return self.plain(404)
        if m == "tools/list":
            return self.plain(
                200,
                {
                    "jsonrpc": "2.0",
                    "id": r["id"],
                    "result": {"tools": [{"name": "count_rows", "inputSchema": {"type": "object"}}]},
                },
            )
        if m != "tools/call":
            return self.plain(200, {"jsonrpc": "2.0", "id": r["id"], "error": {"code": -32601, "message": "no"}})
        given = q["arguments"]
        stream = uuid.uuid4().hex
        with lock:
            streams[stream] = []
            append(stream, None)
            asked = {"id": r["id"], "token": (q.get("_meta") or {}).get("progressToken")}
            job = jobs.get(given["key"])
            if job is None:
                job = jobs[given["key"]] = {
                    "key": given["key"],
                    "of": given["of"],
                    "size": given["size"],
                    "rows": [],
                    "asked": {},
                    "told": False,
                }
                go(job)
            job["asked"] = ({} if job["told"] else job["asked"]) | {stream: asked}
            if job["told"]:
                finish(job)
            write(a.dir / f"{job['key']}.job", job)
        with contextlib.suppress(OSError):
            self.events(stream, 0)
        return None


ThreadingHTTPServer.daemon_threads = True
ThreadingHTTPServer(("127.0.0.1", a.port), H).serve_forever()
