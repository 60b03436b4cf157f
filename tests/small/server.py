"""A small server that does it right, of nothing but Python: each of its lives begins in milliseconds.

MCP of revision 2026-07-28: each request stands for itself, and is answered with JSON. A job is started by a tool that
takes an idempotency key, goes on in a thread of its own, and is followed behind a resource. A batch's records and its
cursor are one transaction. Nothing here comes from the lab or from the reference server. Some mutants are this server
with one thing changed.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

INVALID_PARAMS, METHOD_NOT_FOUND = -32602, -32601
SERVER = {"capabilities": {"tools": {}, "resources": {}}, "supportedVersions": ["2026-07-28"]}
TOOL = {"name": "start", "inputSchema": {"type": "object"}}
TABLES = """
CREATE TABLE IF NOT EXISTS jobs (id TEXT PRIMARY KEY, key TEXT UNIQUE, total INT, batch INT, pause_s REAL, done INT);
CREATE TABLE IF NOT EXISTS records (job TEXT, n INT, square INT, PRIMARY KEY (job, n));
"""
awaited = [point for point in os.environ.get("CRASHTEST_POINTS", "").split(",") if point]


def reach(phase: str, batch: int) -> None:
    """Park the process here if this is the crash point that is awaited next."""
    if awaited and awaited[0] == f"{phase}@{batch}":
        awaited.pop(0)
        signal.pthread_kill(threading.get_ident(), signal.SIGSTOP)


class Effects:
    """The outside effect of the work: one line an execution."""

    def __init__(self, path: Path) -> None:
        path.touch()
        self._attempts = Counter((row["task"], row["record"]) for row in map(json.loads, path.read_text().splitlines()))
        self._file = path.open("ab", buffering=0)

    def append(self, job: str, records: Sequence[object]) -> None:
        self._attempts.update((job, str(n)) for n in records)
        rows = [{"task": job, "record": str(n), "attempt": self._attempts[job, str(n)]} for n in records]
        self._file.write("".join(json.dumps(row) + "\n" for row in rows).encode())


class Jobs:
    """The jobs, and those that are under way."""

    tables = TABLES

    def __init__(self, folder: Path, effects: Effects) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._effects = effects
        self._lock = threading.Lock()
        self._under_way: set[str] = set()
        self._db = sqlite3.connect(folder / "jobs.db", isolation_level=None, check_same_thread=False)
        self._db.executescript(f"PRAGMA journal_mode = WAL; {self.tables}")
        self.resume()

    def resume(self) -> None:
        """A life begins: go on with whatever there is."""
        for (job,) in self._ask("SELECT id FROM jobs"):
            self.go_on(job)

    def stop(self) -> None:
        """A life is told to end: whatever counts is in the store."""

    def _ask(self, query: str, *values: object) -> list[Any]:
        with self._lock:
            return self._db.execute(query, values).fetchall()

    def submit(self, key: str, total: int, batch: int, pause_s: float = 0.03) -> str:
        """The job under this key, which is new where there was none."""
        new = "INSERT OR IGNORE INTO jobs VALUES (lower(hex(randomblob(16))), ?, ?, ?, ?, 0)"
        self._ask(new, key, total, batch, pause_s)
        return str(self._ask("SELECT id FROM jobs WHERE key = ?", key)[0][0])

    def go_on(self, job: str) -> None:
        """Work on it, from where it stands."""
        if job not in self._under_way:
            self._under_way.add(job)
            threading.Thread(target=self._work, args=(job,), daemon=True).start()

    def status(self, job: str) -> dict[str, Any]:
        [(total, done)] = self._ask("SELECT total, done FROM jobs WHERE id = ?", job)
        document = {"id": job, "status": "running", "progress": done, "total": total}
        return document | {"status": "completed", "result": self._result(job)} if done == total else document

    def records(self, job: str) -> list[dict[str, int]]:
        rows = self._ask("SELECT n, square FROM records WHERE job = ? ORDER BY n", job)
        return [{"n": n, "square": square} for n, square in rows]

    def _result(self, job: str) -> dict[str, Any]:
        records = self.records(job)
        return {"count": len(records), "digest": sum(record["square"] for record in records)}

    def _work(self, job: str) -> None:
        [(total, batch, pause_s, done)] = self._ask("SELECT total, batch, pause_s, done FROM jobs WHERE id = ?", job)
        for first in range(done, total, batch):
            self._do_batch(job, range(first, min(first + batch, total)), first // batch + 1)
            time.sleep(pause_s)  # the work

    def _do_batch(self, job: str, numbers: range, batch: int) -> None:
        self._effects.append(job, numbers)
        reach("before-write", batch)
        with self._lock:
            self._db.execute("BEGIN")
            self._db.executemany("INSERT INTO records VALUES (?, ?, ?)", [(job, n, n * n) for n in numbers])
            self._db.execute("UPDATE jobs SET done = ? WHERE id = ?", (numbers.stop, job))
            reach("written-uncommitted", batch)
            self._db.execute("COMMIT")
        reach("committed-unacknowledged", batch)
        reach("acknowledged", batch)


class Handler(BaseHTTPRequestHandler):
    """One connection. A job begins when the answer that names it has left."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # one packet an answer
    jobs: Jobs

    def do_POST(self) -> None:
        self.respond(json.loads(self.rfile.read(int(self.headers["content-length"]))))

    def respond(self, request: dict[str, Any]) -> None:
        """Answer a request, whole."""
        said: dict[str, Any] = {"jsonrpc": "2.0", "id": request.get("id")}
        begun: list[str] = []
        try:
            said["result"] = self._answer(request["method"], request["params"], begun)
        except KeyError as error:
            said["error"] = {"code": METHOD_NOT_FOUND, "message": f"there is no {error}"}
        except (TypeError, ValueError) as error:
            said["error"] = {"code": INVALID_PARAMS, "message": str(error)}
        body = json.dumps(said).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()
        for job in begun:
            self.jobs.go_on(job)

    def _answer(self, method: str, params: dict[str, Any], begun: list[str]) -> dict[str, Any]:
        if method == "server/discover":
            return SERVER
        if method == "tools/list":
            return {"tools": [TOOL]}
        if method == "tools/call":
            if params["name"] != TOOL["name"]:
                raise ValueError(f"there is no tool {params['name']}")
            begun.append(job := self.jobs.submit(**params["arguments"]))
            return {"content": [{"type": "text", "text": f"job://{job}"}]}
        if method == "resources/read":
            job, _, part = params["uri"].removeprefix("job://").partition("/")
            text = json.dumps(self.jobs.records(job) if part else self.jobs.status(job))
            return {"contents": [{"uri": params["uri"], "text": text}]}
        raise KeyError(method)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Server(ThreadingHTTPServer):
    """On a listening socket that it inherits."""

    daemon_threads = True

    def __init__(self, listen_fd: int, handler: type[Handler]) -> None:
        super().__init__(("127.0.0.1", 0), handler, bind_and_activate=False)
        self.socket.close()
        self.socket = socket.socket(fileno=listen_fd)
        self.server_address = self.socket.getsockname()


def main(jobs: type[Jobs] = Jobs, handler: type[Handler] = Handler) -> None:
    """Serve until SIGTERM."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--listen-fd", type=int, required=True)
    parser.add_argument("--state-dir", type=Path, required=True)
    parser.add_argument("--effects-file", type=Path, required=True)
    given = parser.parse_args()
    handler.jobs = store = jobs(given.state_dir, Effects(given.effects_file))

    def end(*_: object) -> None:
        store.stop()
        os._exit(0)

    signal.signal(signal.SIGTERM, end)
    Server(given.listen_fd, handler).serve_forever()


if __name__ == "__main__":
    main()
