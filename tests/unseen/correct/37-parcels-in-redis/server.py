"""Labels parcels in the background, kept in a Redis or in a JSON file a shipment; 2026-07-28 alone."""

import argparse
import json
import os
import socket
import threading
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

p = argparse.ArgumentParser()
p.add_argument("--port", type=int)
p.add_argument("--keep")
p.add_argument("--effects")
p.add_argument("--flaw", default="")
p.add_argument("--schema", type=int, default=1)
a = p.parse_args()
log = open(a.effects, "ab", buffering=0) if a.effects else None  # noqa: SIM115


class Redis:
    def __init__(self, url):
        u = urlsplit(url)
        self.at = (u.hostname, u.port)
        self.s = None
        self.lock = threading.Lock()

    def many(self, *commands):
        with self.lock:
            while True:
                try:
                    if self.s is None:
                        self.s = socket.create_connection(self.at, timeout=5)
                        self.f = self.s.makefile("rb")
                    self.s.sendall(
                        b"".join(
                            b"*%d\r\n" % len(c)
                            + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in (str(x).encode() for x in c))
                            for c in commands
                        )
                    )
                    return [self.read() for _ in commands]
                except (OSError, EOFError):
                    self.s = None
                    time.sleep(0.1)

    def one(self, *c):
        return self.many(c)[0]

    def read(self):
        line = self.f.readline()
        if not line.endswith(b"\r\n"):
            raise EOFError
        kind, rest = line[:1], line[1:-2]
        if kind == b"*":
            return [self.read() for _ in range(int(rest))] if rest != b"-1" else None
        if kind == b"$":
            if rest == b"-1":
                return None
            data = self.f.read(int(rest) + 2)
            if len(data) < int(rest) + 2:
                raise EOFError
            return data[:-2].decode()
        if kind == b"-":
            if rest.startswith(b"LOADING"):
                raise EOFError
            raise RuntimeError(rest.decode())
        return rest.decode()


class InRedis:
    def __init__(self, url):
        self.r = Redis(url)

    def all(self):
        return [json.loads(self.r.one("GET", k)) for k in sorted(self.r.one("SMEMBERS", "shipments"))]

    def put(self, s):
        self.r.many(("MULTI",), ("SET", s["id"], json.dumps(s)), ("SADD", "shipments", s["id"]), ("EXEC",))

    def claim(self, s):
        if a.flaw != "lock":
            return True
        return self.r.one("SETNX", "lock:" + s["id"], os.getpid()) == "1"  # the flaw: nobody takes it away


class InFiles:
    def __init__(self, folder):
        self.d = Path(folder)
        self.d.mkdir(parents=True, exist_ok=True)

    def all(self):
        for f in sorted(self.d.glob("*.json")):
            s = json.loads(f.read_text())
            if s.get("schema", 1) != a.schema:
                if a.flaw == "schema" and s["state"] != "LABELLED":
                    s["labels"] = []
                    s["state"] = "LABELLED"
                    s["of"] = s["of"]  # what it cannot read it takes for done
                s["schema"] = a.schema
            yield s

    def put(self, s):
        new = self.d / f"{s['id']}.{threading.get_ident()}.new"
        new.write_text(json.dumps(s))
        new.replace(self.d / f"{s['id']}.json")

    def claim(self, s):
        return True


keep = InRedis(a.keep) if a.keep.startswith("redis") else InFiles(a.keep)
shipments = {}


def run(s):
    if not keep.claim(s):
        return
    while s["state"] != "LABELLED":
        time.sleep(0.07)
        n = range(len(s["labels"]), min(len(s["labels"]) + s["pack"], s["of"]))
        if log:
            log.write("".join(json.dumps({"task": s["id"], "record": f"P{i}"}) + "\n" for i in n).encode())
        new = {**s, "labels": s["labels"] + [{"parcel": f"P{i}", "code": i * 17 % 1009} for i in n]}
        new["state"] = "LABELLED" if len(new["labels"]) == s["of"] else "LABELLING"
        if a.flaw != "batches" or n.stop // s["pack"] % 2 == 0 or new["state"] == "LABELLED":
            keep.put(new)  # every second
        s.update(new)
        if a.flaw == "batches" and s["state"] == "LABELLED":
            s["labels"] = s["labels"]


def go(s):
    threading.Thread(target=run, args=(s,), daemon=True).start()


def answer(m, q):
    if m == "server/discover":
        return {
            "capabilities": {"tools": {}},
            "supportedVersions": ["2026-07-28"],
            "serverInfo": {"name": "parcels", "version": str(a.schema)},
        }
    if m == "tools/list":
        return {"tools": [{"name": n, "inputSchema": {"type": "object"}} for n in ("ship", "track")]}
    if m != "tools/call":
        raise LookupError(m)
    g = q["arguments"]
    if q["name"] == "ship":
        s = {
            "id": uuid.uuid4().hex[:10],
            "of": g["parcels"],
            "pack": g["pack"],
            "for": g["customer"],
            "labels": [],
            "state": "LABELLING",
            "schema": a.schema,
        }
        keep.put(s)
        shipments[s["id"]] = s
        go(s)
        said = {"shipment": {"no": s["id"]}}
    else:
        s = shipments.get(g["no"])
        if s is None:
            return {"content": [{"type": "text", "text": "no such shipment"}], "isError": True}
        said = {"state": s["state"], "labelled": len(s["labels"]), "of": s["of"], "labels": s["labels"]}
    return {"content": [{"type": "text", "text": json.dumps(said)}], "structuredContent": said}


class H(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_POST(self):
        r = json.loads(self.rfile.read(int(self.headers["content-length"])))
        said = {"jsonrpc": "2.0", "id": r.get("id")}
        code = 200
        try:
            said["result"] = answer(r["method"], r.get("params") or {})
        except LookupError as e:
            said["error"] = {"code": -32601, "message": str(e)}
            code = 404
        body = json.dumps(said).encode()
        self.send_response(code)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


for s in keep.all():
    shipments[s["id"]] = s
    if s["state"] != "LABELLED":
        go(s)
ThreadingHTTPServer.daemon_threads = True
ThreadingHTTPServer(("127.0.0.1", a.port), H).serve_forever()
