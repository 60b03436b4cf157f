"""A store of nothing but Python: a line of JSON is asked, a line is answered. What it has acknowledged stays.

``{"put": {...}}`` writes all of it or nothing, ``{"get": PREFIX}`` gives what begins with it. Its folder holds a log.
Behind ``{"begin": true}`` a connection's puts wait for its ``{"commit": true}``, and are nothing if it ends before.
"""

from __future__ import annotations

import argparse
import json
import socketserver
import threading
from pathlib import Path
from typing import Any

parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int, required=True)
parser.add_argument("--dir", type=Path, required=True)
given = parser.parse_args()

path = given.dir / "log"
kept: dict[str, str] = {}
lock = threading.Lock()
whole = 0
if path.exists():
    for line in path.read_bytes().splitlines(keepends=True):
        if line.endswith(b"\n"):  # the last one may be torn
            kept.update(json.loads(line))
            whole += len(line)
log = path.open("ab", buffering=0)
log.truncate(whole)


def put(pairs: dict[str, str]) -> None:
    log.write(json.dumps(pairs).encode() + b"\n")
    kept.update(pairs)


def answer(asked: dict[str, Any], begun: list[dict[str, str]]) -> Any:
    with lock:
        if "begin" in asked:
            begun[:] = [{}]
            return True
        if "commit" in asked:
            put(begun.pop())
            return True
        if "put" in asked:
            if begun:
                begun[0].update(asked["put"])
            else:
                put(asked["put"])
            return True
        return {key: value for key, value in kept.items() if key.startswith(asked["get"])}


class Handler(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        begun: list[dict[str, str]] = []  # the transaction that is under way
        for line in self.rfile:
            self.wfile.write(json.dumps(answer(json.loads(line), begun)).encode() + b"\n")


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


Server(("127.0.0.1", given.port), Handler).serve_forever()
