"""Digitises films, a blocking call that tells its progress as it goes; http.server, and events by hand.

A film is a file of frames that are all of one width, and its first eight bytes say how many of them count. Whoever
calls again joins in: callers of one film take turns, reel by reel. Whether anybody listens is nothing to the work.

--retries: a reel that did not succeed is tried again, three times in all, and to tell of it is a part of it.
"""

import argparse
import hashlib
import json
import os
import struct
import threading
import time
from collections import defaultdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int, required=True)
parser.add_argument("--films", required=True)
parser.add_argument("--ledger")
parser.add_argument("--retries", action="store_true")
args = parser.parse_args()

COUNT = struct.Struct("<Q")
FRAME = struct.Struct("<I12s")
turns = defaultdict(threading.Lock)


class Film:
    def __init__(self, title, frames):
        self.title = title
        name = hashlib.sha256(f"{title}/{frames}".encode()).hexdigest()[:20]
        self.file = os.open(os.path.join(args.films, name), os.O_RDWR | os.O_CREAT, 0o600)

    def __len__(self):
        read = os.pread(self.file, COUNT.size, 0)
        return COUNT.unpack(read)[0] if len(read) == COUNT.size else 0

    def add(self, frames):
        there = len(self)
        os.pwrite(self.file, b"".join(FRAME.pack(*frame) for frame in frames), COUNT.size + there * FRAME.size)
        os.pwrite(self.file, COUNT.pack(there + len(frames)), 0)

    def frames(self):
        read = os.pread(self.file, len(self) * FRAME.size, COUNT.size)
        return [{"frame": n, "hash": mark.decode()} for n, mark in FRAME.iter_unpack(read)]

    def close(self):
        os.close(self.file)


def scan(film, reel, of):
    time.sleep(0.1)
    numbers = range(len(film), min(len(film) + reel, of))
    if args.ledger:
        with open(args.ledger, "a") as ledger:
            ledger.write("".join(json.dumps({"task": film.title, "record": n}) + "\n" for n in numbers))
    return [(n, hashlib.md5(f"frame {n}".encode()).hexdigest()[:12].encode()) for n in numbers]


def digitise(film, reel, of, tell):
    while True:
        with turns[film.title, of]:
            if len(film) >= of:
                return
            frames = scan(film, reel, of)
            film.add(frames)
            done = len(film)
        tell(done)


def digitise_with_retries(film, reel, of, tell):
    while len(film) < of:
        with turns[film.title, of]:
            if len(film) >= of:
                return
            frames = scan(film, reel, of)
            for attempt in range(3):
                try:
                    film.add(frames)
                    tell(len(film))
                    break
                except OSError:
                    if attempt == 2:
                        raise
                    time.sleep(0.01)


class Projector(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def say(self, code, document=None):
        body = b"" if document is None else json.dumps(document).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        self.say(405)

    def do_DELETE(self):
        self.say(405)

    def event(self, message):
        data = f"event: message\r\ndata: {json.dumps({'jsonrpc': '2.0', **message})}\r\n\r\n".encode()
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))

    def call(self, asked):
        params = asked["params"]
        given = params["arguments"]
        token = params.get("_meta", {}).get("progressToken")
        of, reel = given["frames"], given["reel"]
        film = Film(given["title"], of)
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

        def tell(done):
            if token is not None:
                progress = {"progressToken": token, "progress": done, "total": of}
                self.event({"method": "notifications/progress", "params": progress})

        def tell_if_anybody_listens(done):
            try:
                tell(done)
            except OSError:
                self.close_connection = True

        try:
            if args.retries:
                digitise_with_retries(film, reel, of, tell)
            else:
                digitise(film, reel, of, tell_if_anybody_listens)
            frames = film.frames()
        finally:
            film.close()
        document = {"film": given["title"], "outcome": "digitised", "frames": {"count": len(frames), "all": frames}}
        text = [{"type": "text", "text": json.dumps(document)}]
        self.event({"id": asked["id"], "result": {"content": text, "structuredContent": document}})
        self.wfile.write(b"0\r\n\r\n")

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if "id" not in asked:
            return self.say(202)
        if asked["method"] == "tools/call" and asked["params"]["name"] == "digitise_film":
            try:
                return self.call(asked)
            except OSError:
                self.close_connection = True
                return None
        properties = {"title": {"type": "string"}, "frames": {"type": "integer"}, "reel": {"type": "integer"}}
        schema = {"type": "object", "properties": properties, "required": list(properties)}
        info = {"name": "films", "version": "1.0.3"}
        known = {
            "initialize": {"protocolVersion": "2025-11-25", "capabilities": {"tools": {}}, "serverInfo": info},
            "ping": {},
            "tools/list": {"tools": [{"name": "digitise_film", "inputSchema": schema}]},
        }
        said = {"jsonrpc": "2.0", "id": asked["id"]}
        if asked["method"] in known:
            return self.say(200, {**said, "result": known[asked["method"]]})
        return self.say(200, {**said, "error": {"code": -32601, "message": f"no {asked['method']}"}})


os.makedirs(args.films, exist_ok=True)
ThreadingHTTPServer.daemon_threads = True
ThreadingHTTPServer(("127.0.0.1", args.port), Projector).serve_forever()
