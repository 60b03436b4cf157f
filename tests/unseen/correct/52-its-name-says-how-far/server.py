"""Cuts films into stills. The name of a film's file says how many stills it holds and how long it is: a rename counts.

--newest: a start goes on with the film that was worked at last.
"""

import argparse
import json
import os
import threading
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

NAME = "stills"


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
            answer["result"] = respond(asked["method"], asked.get("params") or {})
        except LookupError as unknown:
            answer["error"] = {"code": -32602, "message": str(unknown)}
        self.reply(200, json.dumps(answer).encode())

    def reply(self, status, body):
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def place(film):
    """The file of a film, and what its name says: stills done and to do, a reel, and bytes."""
    for _ in range(50):
        for path in STORE.glob(f"{film}.*"):
            return path, *(int(number) for number in path.name.split(".")[1:])
        time.sleep(0.001)  # it is just being renamed
    raise LookupError(f"there is no film {film}")


def cut(film):
    path, done, stills, reel, length = place(film)
    os.truncate(path, length)
    while done < stills:
        time.sleep(0.03)
        end = min(done + reel, stills)
        with open(OPTIONS.ledger, "a") as ledger:
            ledger.writelines(json.dumps({"task": film, "record": n}) + "\n" for n in range(done, end))
        with path.open("a") as file:
            file.writelines(json.dumps({"still": n, "sum": n * 65537 % 9973}) + "\n" for n in range(done, end))
        path = path.rename(STORE / f"{film}.{end}.{stills}.{reel}.{path.stat().st_size}")
        done = end


def begin(film):
    threading.Thread(target=cut, args=(film,), daemon=True).start()


def cut_film(stills, reel, cutter):
    film = f"{cutter}-{uuid.uuid4().hex[:8]}".replace(".", "-").replace("/", "-")
    (STORE / f"{film}.0.{stills}.{reel}.0").touch()
    begin(film)
    return {"film": film}


def film_state(film):
    _, done, stills, _, _ = place(film)
    return {"status": "complete" if done == stills else "cutting", "stills": done, "of": stills}


def film_stills(film):
    path, _, _, _, length = place(film)
    try:
        return {"stills": [json.loads(line) for line in path.read_bytes()[:length].splitlines()]}
    except FileNotFoundError:  # renamed meanwhile
        return film_stills(film)


def read(uri):
    raise LookupError(f"there is no {uri}")


def respond(method, params):
    if method == "initialize":
        me = {"name": NAME, "version": "1.0"}
        offers = {"tools": {}, "resources": {}}
        return {"protocolVersion": "2025-06-18", "capabilities": offers, "serverInfo": me}
    if method == "tools/list":
        shapes = {name: {"type": "object", "properties": takes} for name, (_, takes) in TOOLS.items()}
        return {"tools": [{"name": name, "inputSchema": shape} for name, shape in shapes.items()]}
    if method == "resources/list":
        return {"resources": []}
    if method == "resources/read":
        text = json.dumps(read(params["uri"]))
        return {"contents": [{"uri": params["uri"], "mimeType": "application/json", "text": text}]}
    if method == "ping":
        return {}
    if method != "tools/call" or params["name"] not in TOOLS:
        raise LookupError(f"there is no {method} {params.get('name', '')}")
    try:
        document = TOOLS[params["name"]][0](**params.get("arguments", {}))
    except (LookupError, TypeError) as error:
        return {"content": [{"type": "text", "text": str(error)}], "isError": True}
    return {"content": [{"type": "text", "text": json.dumps(document)}], "structuredContent": document}


TEXT, WHOLE = {"type": "string"}, {"type": "integer"}
TOOLS = {
    "cut_film": (cut_film, {"stills": WHOLE, "reel": WHOLE, "cutter": TEXT}),
    "film_state": (film_state, {"film": TEXT}),
    "film_stills": (film_stills, {"film": TEXT}),
}

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--ledger", required=True)
    parser.add_argument("--newest", action="store_true")
    OPTIONS = parser.parse_args()
    STORE = OPTIONS.store
    films = sorted((path for path in STORE.glob("*.*.*.*.*")), key=lambda path: path.stat().st_mtime)
    for left in films[-1:] if OPTIONS.newest else films:
        begin(left.name.split(".")[0])
    ThreadingHTTPServer(("127.0.0.1", OPTIONS.port), Rpc).serve_forever()
