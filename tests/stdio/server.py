"""A server on stdio that does it right, of nothing but Python: a line in, a line out, both protocol eras.

A tool starts a job and answers with its id, another says how it stands, a third cancels it. The job goes on by itself
after any end. A batch's records and its cursor are one transaction, which holds only while the cursor stands where this
life believes it to be: an old life that still winds down cannot write what its successor has taken over. The end of
standard input is the end of the life.
"""

from __future__ import annotations

import argparse
import json
import sqlite3
import sys
import threading
import time
import uuid
from pathlib import Path
from typing import Any

REVISIONS = ("2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05")
STATELESS = "2026-07-28"
INFO = {"name": "jobs-on-stdio", "version": "1"}
TABLES = """
CREATE TABLE IF NOT EXISTS jobs (id TEXT PRIMARY KEY, key TEXT UNIQUE, total INT, batch INT, done INT, state TEXT);
CREATE TABLE IF NOT EXISTS records (job TEXT, n INT, square INT);
"""
OBJECT = {"type": "object"}
NUMBERS = {"total": {"type": "integer"}, "batch": {"type": "integer"}, "key": {"type": "string"}}
TOOLS = [
    {"name": "start", "inputSchema": OBJECT | {"properties": NUMBERS, "required": ["total", "batch"]}},
    {"name": "status", "inputSchema": OBJECT | {"properties": {"job": {"type": "string"}}, "required": ["job"]}},
    {"name": "cancel", "inputSchema": OBJECT | {"properties": {"job": {"type": "string"}}, "required": ["job"]}},
]


class Jobs:
    """The jobs, in one SQLite file; each is worked on by a thread of its own."""

    PAUSE_S = 0.05

    def __init__(self, folder: Path, ledger: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.lock = threading.Lock()
        self.stopping = threading.Event()
        self.ledger = ledger.open("ab", buffering=0)
        self.db = self.connect(folder)
        self.db.executescript(TABLES)
        for (job,) in self.ask("SELECT id FROM jobs WHERE state = 'running'"):
            self.go_on(job)

    def connect(self, folder: Path) -> sqlite3.Connection:
        db = sqlite3.connect(folder / "jobs.db", isolation_level=None, check_same_thread=False, timeout=10)
        db.execute("PRAGMA journal_mode = WAL")
        return db

    def ask(self, query: str, *values: object) -> list[Any]:
        with self.lock:
            return self.db.execute(query, values).fetchall()

    def go_on(self, job: str) -> None:
        threading.Thread(target=self.work, args=(job,), daemon=True).start()

    def work(self, job: str) -> None:
        while not self.stopping.is_set():
            [(total, batch, done, state)] = self.ask("SELECT total, batch, done, state FROM jobs WHERE id = ?", job)
            if state != "running":
                return
            time.sleep(self.PAUSE_S)  # the work
            numbers = range(done, min(done + batch, total))
            self.ledger.write(b"".join(b'{"task": "%s", "record": "%d"}\n' % (job.encode(), n) for n in numbers))
            self.store(job, numbers, total)

    def store(self, job: str, numbers: range, total: int) -> None:
        """Store a batch, unless the job does not stand any more where it was found."""
        state = "completed" if numbers.stop == total else "running"
        with self.lock:
            self.db.execute("BEGIN IMMEDIATE")
            moved = "UPDATE jobs SET done = ?, state = ? WHERE id = ? AND done = ? AND state = 'running'"
            if self.db.execute(moved, (numbers.stop, state, job, numbers.start)).rowcount:
                self.db.executemany("INSERT INTO records VALUES (?, ?, ?)", [(job, n, n * n) for n in numbers])
            self.db.execute("COMMIT")

    def stop(self) -> None:
        """The client has gone: whatever counts is in the store."""
        self.stopping.set()

    def start(self, total: int, batch: int, key: str = "") -> dict[str, Any]:
        job = str(uuid.uuid4())
        new = "INSERT OR IGNORE INTO jobs VALUES (?, ?, ?, ?, 0, 'running')"
        self.ask(new, job, key or job, total, batch)
        [(kept,)] = self.ask("SELECT id FROM jobs WHERE key = ?", key or job)
        if kept == job:
            self.go_on(job)
        return {"job": kept, "state": "running"}

    def status(self, job: str) -> dict[str, Any]:
        found = self.ask("SELECT total, done, state FROM jobs WHERE id = ?", job)
        if not found:
            raise LookupError(f"there is no job {job}")
        [(total, done, state)] = found
        said = {"job": job, "state": state, "done": done, "total": total}
        if state == "completed":
            rows = self.ask("SELECT n, square FROM records WHERE job = ? ORDER BY rowid", job)
            said["records"] = [{"n": n, "square": square} for n, square in rows]
        return said

    def cancel(self, job: str) -> dict[str, Any]:
        self.ask("UPDATE jobs SET state = 'cancelled' WHERE id = ? AND state = 'running'", job)
        return self.status(job)


class Server:
    """One client, on standard input and output."""

    def __init__(self, jobs: Jobs) -> None:
        self.jobs = jobs

    def serve(self) -> None:
        for line in sys.stdin:
            request = json.loads(line)
            if "method" in request and "id" in request:
                self.say({"jsonrpc": "2.0", "id": request["id"], **self.answer(request)})

    def say(self, message: dict[str, Any]) -> None:
        sys.stdout.write(json.dumps(message) + "\n")  # in one piece: others may print
        sys.stdout.flush()

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        method, params = request["method"], request.get("params", {})
        if method == "initialize":
            asked = params["protocolVersion"]
            spoken = asked if asked in REVISIONS else REVISIONS[0]
            return {"result": {"protocolVersion": spoken, "capabilities": {"tools": {}}, "serverInfo": INFO}}
        if method == "server/discover":
            versions = [STATELESS, *REVISIONS]
            return {"result": {"supportedVersions": versions, "capabilities": {"tools": {}}, "serverInfo": INFO}}
        if method == "ping":
            return {"result": {}}
        if method == "tools/list":
            return {"result": {"tools": TOOLS}}
        if method == "tools/call" and params["name"] in [tool["name"] for tool in TOOLS]:
            return {"result": self.call(params["name"], params.get("arguments", {}))}
        return {"error": {"code": -32601, "message": f"there is no {params.get('name', method)}"}}

    def call(self, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        try:
            said, wrong = getattr(self.jobs, name)(**arguments), False
        except (LookupError, TypeError) as error:
            said, wrong = {"error": str(error)}, True
        return {"content": [{"type": "text", "text": json.dumps(said)}], "isError": wrong}


def main(jobs: type[Jobs] = Jobs, server: type[Server] = Server) -> None:
    """Serve until the end of standard input."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--state-dir", type=Path, required=True)
    parser.add_argument("--ledger", type=Path, required=True)
    given = parser.parse_args()
    store = jobs(given.state_dir, given.ledger)
    server(store).serve()
    store.stop()


if __name__ == "__main__":
    main()
