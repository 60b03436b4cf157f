"""Transcodes tapes. An order is known by what it says: the same order again is the job that there is, however late.

--window: the same order within a second is a double click; later it is another order.
"""

import argparse
import hashlib
import json
import os
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

NAME = "tapes"
ORDERS = threading.Lock()


class Refused(Exception):
    """The caller asked for what cannot be done."""


class Rpc(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def do_GET(self):
        self.reply(405, b"")

    do_DELETE = do_GET

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if "id" not in asked:
            self.reply(202, b"")
            return
        answer = {"jsonrpc": "2.0", "id": asked["id"]}
        try:
            answer["result"] = self.answer(asked["method"], asked.get("params") or {})
        except KeyError as missing:
            answer["error"] = {"code": -32601, "message": f"no such thing: {missing}"}
        except LookupError as unknown:
            answer["error"] = {"code": -32002, "message": str(unknown)}
        self.reply(200, json.dumps(answer).encode())

    def answer(self, method, params):
        if method == "initialize":
            me = {"name": NAME, "version": "1.0"}
            offers = {"tools": {}, "resources": {}}
            return {"protocolVersion": "2025-11-25", "capabilities": offers, "serverInfo": me}
        if method == "tools/list":
            return {"tools": [{"name": name, "inputSchema": schema(of)} for name, of in TOOLS.items()]}
        if method == "tools/call":
            if params["name"] not in TOOLS:
                raise KeyError(params["name"])
            try:
                return TOOLS[params["name"]][0](**params.get("arguments", {}))
            except (Refused, TypeError) as error:
                return {"content": [{"type": "text", "text": str(error)}], "isError": True}
        return {"ping": dict, "resources/list": lambda: {"resources": []}, **METHODS}[method](**params)

    def reply(self, status, body):
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def schema(of):
    kinds = {str: "string", int: "integer"}
    return {"type": "object", "properties": {name: {"type": kinds[kind]} for name, kind in of[1].items()}}


def said(document):
    return {"content": [{"type": "text", "text": json.dumps(document)}], "structuredContent": document}


def put(path, document):
    scratch = path.with_name(f"{path.name}~")
    scratch.write_text(json.dumps(document))
    os.replace(scratch, path)


def transcode(job):
    """Frames are appended, and count when the job's file says how long they are."""
    doc = json.loads((STORE / f"{job}.json").read_text())
    with (STORE / f"{job}.frames").open("a+") as frames:
        frames.truncate(doc["bytes"])
        while doc["done"] < doc["frames"]:
            end = min(doc["done"] + doc["reel"], doc["frames"])
            time.sleep(0.045)
            with open(OPTIONS.ledger, "a") as ledger:
                ledger.write("".join(json.dumps({"task": job, "record": n}) + "\n" for n in range(doc["done"], end)))
            for frame in range(doc["done"], end):
                frames.write(json.dumps({"frame": frame, "crc": hashlib.md5(b"%d" % frame).hexdigest()[:8]}) + "\n")
            frames.flush()
            doc.update(done=end, bytes=os.fstat(frames.fileno()).st_size)
            put(STORE / f"{job}.json", doc)


def transcode_tape(frames, reel, tape):
    name = "t" + hashlib.sha256(json.dumps([frames, reel, tape]).encode()).hexdigest()[:12]
    with ORDERS:
        same = sorted(STORE.glob(f"{name}*.json"), key=lambda path: len(path.name))
        if OPTIONS.window and same and time.time() - json.loads(same[-1].read_text())["ordered"] > 1.0:
            name += "x" * len(same)
        elif same:
            name = same[-1].stem
        if not (STORE / f"{name}.json").exists():
            doc = {"frames": frames, "reel": reel, "done": 0, "bytes": 0, "ordered": time.time()}
            put(STORE / f"{name}.json", doc)
            threading.Thread(target=transcode, args=(name,), daemon=True).start()
    return said({"job": name})


def known(job):
    if not (STORE / f"{Path(job).name}.json").exists():
        raise Refused(f"nothing is known of {job}")
    return json.loads((STORE / f"{Path(job).name}.json").read_text())


def stands(job, doc):
    return {"job": job, "status": "completed" if doc["done"] == doc["frames"] else "transcoding", "frames": doc["done"]}


def tape_status(job):
    return said({**stands(job, known(job)), "total": known(job)["frames"]})


def tape_frames(job):
    doc = known(job)
    lines = (STORE / f"{job}.frames").read_bytes()[: doc["bytes"]].splitlines() if doc["done"] else []
    return said({"frames": [json.loads(line) for line in lines]})


def tape_jobs():
    return said({"jobs": [stands(path.stem, json.loads(path.read_text())) for path in sorted(STORE.glob("*.json"))]})


METHODS = {}
TOOLS = {
    "transcode_tape": (transcode_tape, {"frames": int, "reel": int, "tape": str}),
    "tape_status": (tape_status, {"job": str}),
    "tape_frames": (tape_frames, {"job": str}),
    "tape_jobs": (tape_jobs, {}),
}

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--ledger", required=True)
    parser.add_argument("--window", action="store_true")
    OPTIONS = parser.parse_args()
    STORE = OPTIONS.store
    for left in STORE.glob("*.json"):
        if json.loads(left.read_text())["done"] < json.loads(left.read_text())["frames"]:
            threading.Thread(target=transcode, args=(left.stem,), daemon=True).start()
    ThreadingHTTPServer(("127.0.0.1", OPTIONS.port), Rpc).serve_forever()
