"""What every mutant does right, so that each of them shows one flaw and nothing else.

Arguments, serving, crash points, the effects file, and a store that keeps a batch's records and its cursor in one
transaction. Nothing here comes from the lab or from the reference server.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import os
import signal
import socket
import sqlite3
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn
from fastmcp import FastMCP
from starlette.types import ASGIApp, Receive, Scope, Send

PACE_S = 0.005
Record = dict[str, str]


@dataclass(frozen=True, slots=True)
class Options:
    """The command line of a mutant. ``listen_fd`` is a listening socket that it inherits; else it binds ``port``."""

    port: int
    listen_fd: int | None
    state_dir: Path
    effects_file: Path | None


def options() -> Options:
    """Read the command line; the state folder exists afterwards."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--listen-fd", type=int)
    parser.add_argument("--state-dir", type=Path, required=True)
    parser.add_argument("--effects-file", type=Path)
    read = Options(**vars(parser.parse_args()))
    read.state_dir.mkdir(parents=True, exist_ok=True)
    return read


class Answering:
    """The app, and how many answers it owes at the moment."""

    owed = 0

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        posted = scope.get("method") == "POST"
        Answering.owed += posted
        try:
            await self._app(scope, receive, send)
        finally:
            Answering.owed -= posted


def serve(mcp: FastMCP[Any], where: Options) -> None:
    """Serve until SIGTERM or SIGINT; returns after a clean stop."""
    for stop in (signal.SIGTERM, signal.SIGINT):
        signal.signal(stop, lambda *_: None)  # uvicorn raises the signal again once it has stopped
    config = uvicorn.Config(
        Answering(mcp.http_app()),
        host="127.0.0.1",
        port=where.port,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=1,
        ws="none",
    )
    inherited = None if where.listen_fd is None else [socket.socket(fileno=where.listen_fd)]
    uvicorn.Server(config).run(sockets=inherited)


_awaited = [point for point in os.environ.get("CRASHTEST_POINTS", "").split(",") if point]


def reach(phase: str, batch: int) -> None:
    """Park the process here if this is the crash point that is awaited next. ``batch`` counts from 1."""
    if _awaited and _awaited[0] == f"{phase}@{batch}":
        _awaited.pop(0)
        signal.pthread_kill(threading.get_ident(), signal.SIGSTOP)


async def let_answer_leave() -> None:
    """Let the answer to the request that started this work leave first, so that its client holds the handle."""
    while Answering.owed:
        await pace()


async def pace() -> None:
    """Give whoever watches a chance to see the batch that was just done."""
    await asyncio.sleep(PACE_S)


def process(first: int, end: int) -> list[Record]:
    """The job's work on the records ``first`` to ``end - 1``."""
    names = [f"record-{n:06d}" for n in range(first, end)]
    return [{"id": name, "digest": hashlib.sha256(name.encode()).hexdigest()} for name in names]


class Effects:
    """The outside effect of processing: one line an execution, appended by one write a batch."""

    def __init__(self, path: Path | None) -> None:
        self._file = None if path is None else path.open("ab", buffering=0)
        self._attempts: Counter[tuple[str, str]] = Counter()
        for line in path.read_text().split("\n")[:-1] if path else ():
            earlier = json.loads(line)
            self._attempts[earlier["task"], earlier["record"]] += 1

    def append(self, task: str, records: list[Record]) -> None:
        """Record that the task has processed these records, once more."""
        lines = []
        for record in records:
            self._attempts[task, record["id"]] += 1
            attempt = self._attempts[task, record["id"]]
            lines.append(json.dumps({"task": task, "record": record["id"], "attempt": attempt}) + "\n")
        if self._file:
            self._file.write("".join(lines).encode())


class Background:
    """Work that outlives the request which started it."""

    def __init__(self) -> None:
        self.tasks: set[asyncio.Task[None]] = set()

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Start the work and hold on to it until it is done."""
        task = asyncio.create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)


class TaskStore:
    """Tasks and their records in SQLite; a task is found again by the key under which it was submitted."""

    def __init__(self, where: Options) -> None:
        self.effects = Effects(where.effects_file)
        self._db = sqlite3.connect(where.state_dir / "tasks.db", isolation_level=None)
        self._db.row_factory = sqlite3.Row
        self._db.executescript(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
            "CREATE TABLE IF NOT EXISTS tasks (task_id TEXT PRIMARY KEY, key TEXT UNIQUE, status TEXT,"
            " progress INTEGER, total INTEGER, batch INTEGER);"
            "CREATE TABLE IF NOT EXISTS records (task_id TEXT, position INTEGER, id TEXT, digest TEXT,"
            " PRIMARY KEY (task_id, position));"
        )

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All or nothing."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield self._db
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def submit(self, key: str, total: int, batch: int) -> tuple[str, bool]:
        """The task under this key, and whether it is new."""
        made = self._db.execute(
            "INSERT OR IGNORE INTO tasks VALUES (lower(hex(randomblob(16))), ?, 'running', 0, ?, ?)",
            (key, total, batch),
        )
        found = self._db.execute("SELECT task_id FROM tasks WHERE key = ?", (key,)).fetchone()
        return str(found[0]), made.rowcount == 1

    def task(self, task_id: str) -> dict[str, Any] | None:
        """The task's row."""
        row = self._db.execute("SELECT * FROM tasks WHERE task_id = ?", (task_id,)).fetchone()
        return None if row is None else dict(row)

    def unfinished(self) -> list[dict[str, Any]]:
        """Every task that has not ended."""
        return [dict(row) for row in self._db.execute("SELECT * FROM tasks WHERE status = 'running'")]

    def all_tasks(self) -> list[dict[str, Any]]:
        """Every task, the newest first."""
        return [dict(row) for row in self._db.execute("SELECT * FROM tasks ORDER BY rowid DESC")]

    def records(self, task_id: str) -> list[Record]:
        """The task's output."""
        rows = self._db.execute("SELECT id, digest FROM records WHERE task_id = ? ORDER BY position", (task_id,))
        return [dict(row) for row in rows]

    def end(self, task_id: str, status: str) -> None:
        """End the task."""
        self._db.execute("UPDATE tasks SET status = ? WHERE task_id = ?", (status, task_id))

    async def do_batch(
        self, task: dict[str, Any], first: int, acknowledge: Callable[[], Awaitable[None]] = pace
    ) -> None:
        """Process one batch and commit its records together with its cursor; the last one completes the task."""
        task_id, end = task["task_id"], min(first + task["batch"], task["total"])
        number = first // task["batch"] + 1
        records = process(first, end)
        self.effects.append(task_id, records)
        reach("before-write", number)
        with self.transaction() as db:
            db.executemany(
                "INSERT OR REPLACE INTO records VALUES (?, ?, ?, ?)",
                [(task_id, first + n, record["id"], record["digest"]) for n, record in enumerate(records)],
            )
            status = "completed" if end == task["total"] else "running"
            db.execute("UPDATE tasks SET progress = ?, status = ? WHERE task_id = ?", (end, status, task_id))
            reach("written-uncommitted", number)
        reach("committed-unacknowledged", number)
        await acknowledge()
        reach("acknowledged", number)


def offer_status(mcp: FastMCP[Any], store: TaskStore) -> None:
    """Offer ``task://status/{task_id}`` and ``task://records/{task_id}``."""

    @mcp.resource("task://status/{task_id}", mime_type="application/json")
    async def status(task_id: str) -> str:
        return json.dumps(store.task(task_id) or {"error": "Task not found", "task_id": task_id})

    @mcp.resource("task://records/{task_id}", mime_type="application/json")
    async def records(task_id: str) -> str:
        return json.dumps(store.records(task_id))
