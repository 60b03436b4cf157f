"""The store: tasks and their records in one SQLite file. Every rule of exactness that can be a statement is one.

* A batch's records and its checkpoint are one transaction, with ``synchronous = FULL``.
* Each claim of a task raises its ``epoch``; every later write of that worker names the epoch that it was given, so a
  worker that was replaced, or a task that was cancelled, matches no row and nothing is written.
* A terminal status never changes: no statement matches such a row.

All methods block. The engine calls them in threads: one for writing, one for reading, so a slow disk never stops
the event loop.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from reference_server.errors import Refusal, StartError, Superseded

FORMAT = 1
APPLICATION_ID = 0x4D435052
STATUSES = ("pending", "running", "completed", "failed", "cancelled")
UNFINISHED = ("pending", "running")
_BUSY_S = 5.0
_HEADER_BYTES = 100
_FIRST_PAGE_BYTES = 4096
_LEFT_BY_A_CRASH = (
    sqlite3.SQLITE_READONLY_ROLLBACK,
    sqlite3.SQLITE_READONLY_RECOVERY,
    sqlite3.SQLITE_READONLY_CANTINIT,
    sqlite3.SQLITE_READONLY_DIRECTORY,
    sqlite3.SQLITE_CANTOPEN,
)

_SCHEMA = f"""
CREATE TABLE tasks (
    task_id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    submission TEXT UNIQUE,          -- equal submissions attach to one task, NULL once it may be submitted anew
    target TEXT,                     -- what only one unfinished task may write
    parameters TEXT NOT NULL,
    status TEXT NOT NULL,
    epoch INTEGER NOT NULL DEFAULT 0,
    step INTEGER NOT NULL DEFAULT 0, -- batches committed
    cursor INTEGER NOT NULL DEFAULT 0,
    digest TEXT NOT NULL DEFAULT '',
    progress INTEGER NOT NULL DEFAULT 0,
    total INTEGER NOT NULL,
    batch_size INTEGER NOT NULL,
    message TEXT NOT NULL DEFAULT '',
    result TEXT,
    error TEXT,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    completed_at TEXT
) WITHOUT ROWID;
CREATE INDEX tasks_by_age ON tasks (created_at);
CREATE INDEX tasks_by_status ON tasks (status, created_at);
CREATE TABLE records (
    task_id TEXT NOT NULL,
    position INTEGER NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (task_id, position)
) WITHOUT ROWID;
PRAGMA application_id = {APPLICATION_ID};
PRAGMA user_version = {FORMAT};
"""


@dataclass(frozen=True, slots=True)
class Task:
    """A task's row."""

    task_id: str
    kind: str
    parameters: dict[str, Any]
    status: str
    epoch: int
    step: int
    cursor: int
    digest: str
    progress: int
    total: int
    batch_size: int
    message: str
    result: dict[str, Any] | None
    error: str | None
    created_at: str
    updated_at: str
    completed_at: str | None

    @property
    def finished(self) -> bool:
        """Whether the status is terminal."""
        return self.status not in UNFINISHED


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Where a task stands once a batch is committed: ``cursor`` behind its records, ``digest`` over all so far."""

    cursor: int
    digest: str
    message: str


_COLUMNS = ", ".join(Task.__slots__)


class Store:
    """One connection to the store. Open it in the thread that will use it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._db = sqlite3.connect(path, isolation_level=None, timeout=_BUSY_S)
            self._db.row_factory = sqlite3.Row
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")
        except sqlite3.Error as error:
            raise StartError(f"the store {path} cannot be opened: {error}") from error

    def close(self) -> None:
        """Close the connection."""
        self._db.close()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield self._db
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    # --- a task's life

    def submit(
        self,
        task_id: str,
        kind: str,
        submission: str,
        parameters: dict[str, Any],
        *,
        total: int,
        batch_size: int,
        target: str | None = None,
    ) -> Task:
        """The task of this submission: the one that there is, else a new one under ``task_id``.

        Raises Refusal when another unfinished task writes the same target.
        """
        with self._transaction() as db:
            found = db.execute("SELECT task_id FROM tasks WHERE submission = ?", (submission,)).fetchone()
            if found is None:
                if target is not None:
                    self._refuse_taken(db, target)
                now = _now()
                db.execute(
                    "INSERT INTO tasks (task_id, kind, submission, target, parameters, status, total, batch_size,"
                    " created_at, updated_at) VALUES (?, ?, ?, ?, ?, 'pending', ?, ?, ?, ?)",
                    (task_id, kind, submission, target, json.dumps(parameters), total, batch_size, now, now),
                )
        return self.get(task_id if found is None else found["task_id"])

    @staticmethod
    def _refuse_taken(db: sqlite3.Connection, target: str) -> None:
        taken = db.execute(
            "SELECT task_id FROM tasks WHERE target = ? AND status IN ('pending', 'running')", (target,)
        ).fetchone()
        if taken:
            raise Refusal(
                f"another task is writing to that destination: {taken['task_id']}. Wait for it, or cancel it first"
            )

    def claim(self, task_id: str) -> Task:
        """Make the caller the task's only worker; raises Superseded when the task has ended."""
        with self._transaction() as db:
            claimed = db.execute(
                "UPDATE tasks SET status = 'running', epoch = epoch + 1, updated_at = ?"
                " WHERE task_id = ? AND status IN ('pending', 'running')",
                (_now(), task_id),
            )
        if claimed.rowcount != 1:
            raise Superseded(task_id)
        return self.get(task_id)

    def commit_batch(
        self, task: Task, bodies: Sequence[str], after: Checkpoint, *, written: Callable[[], None], last: bool
    ) -> Task:
        """Commit a batch's records and its checkpoint, or nothing; raises Superseded for a worker that was replaced.

        ``written`` is called with the transaction still open. ``last`` completes the task in the same transaction.
        """
        progress = task.progress + len(bodies)
        with self._transaction() as db:
            now = _now()
            moved = db.execute(
                "UPDATE tasks SET step = step + 1, progress = ?, cursor = ?, digest = ?, message = ?, updated_at = ?,"
                " status = ?, completed_at = ?"
                " WHERE task_id = ? AND epoch = ? AND step = ? AND status = 'running'",
                (
                    *(progress, after.cursor, after.digest, after.message, now),
                    *(("completed", now) if last else ("running", None)),
                    *(task.task_id, task.epoch, task.step),
                ),
            )
            if moved.rowcount != 1:
                raise Superseded(task.task_id)
            db.executemany(
                "INSERT INTO records (task_id, position, body) VALUES (?, ?, ?)",
                [(task.task_id, task.progress + n, body) for n, body in enumerate(bodies)],
            )
            written()
        return self.get(task.task_id)

    def complete(self, task: Task, result: dict[str, Any], message: str, place: Callable[[], None]) -> Task:
        """Complete a task whose output is elsewhere, and drop its staged records; raises Superseded.

        ``place`` puts the output in its place, within the transaction: a cancellation comes before it, and the output
        never appears, or after it, and finds the task completed.
        """
        with self._transaction() as db:
            self._end(db, task, "completed", message, result=json.dumps(result))
            db.execute("DELETE FROM records WHERE task_id = ?", (task.task_id,))
            place()
        return self.get(task.task_id)

    def fail(self, task: Task, error: str) -> None:
        """End a task with an error, and keep what was committed; raises Superseded."""
        with self._transaction() as db:
            self._end(db, task, "failed", "Failed", error=error)

    @staticmethod
    def _end(
        db: sqlite3.Connection,
        task: Task,
        status: str,
        message: str,
        *,
        result: str | None = None,
        error: str | None = None,
    ) -> None:
        now = _now()
        ended = db.execute(
            "UPDATE tasks SET status = ?, message = ?, result = ?, error = ?, submission = NULL, updated_at = ?,"
            " completed_at = ? WHERE task_id = ? AND epoch = ? AND status = 'running'",
            (status, message, result, error, now, now, task.task_id, task.epoch),
        )
        if ended.rowcount != 1:
            raise Superseded(task.task_id)

    def cancel(self, task_id: str) -> bool:
        """Cancel a task for good; False when there is none that could be cancelled."""
        now = _now()
        with self._transaction() as db:
            cancelled = db.execute(
                "UPDATE tasks SET status = 'cancelled', epoch = epoch + 1, submission = NULL, message = 'Cancelled',"
                " updated_at = ?, completed_at = ? WHERE task_id = ? AND status IN ('pending', 'running')",
                (now, now, task_id),
            )
        return cancelled.rowcount == 1

    # --- reading

    def find(self, task_id: str) -> Task | None:
        """The task, if there is one."""
        row = self._db.execute(f"SELECT {_COLUMNS} FROM tasks WHERE task_id = ?", (task_id,)).fetchone()
        return None if row is None else _task(row)

    def get(self, task_id: str) -> Task:
        """The task; raises Refusal for an unknown id."""
        task = self.find(task_id)
        if task is None:
            raise Refusal(f"there is no task {task_id!r}")
        return task

    def unfinished(self) -> list[str]:
        """The ids of all unfinished tasks, the oldest first."""
        rows = self._db.execute("SELECT task_id FROM tasks WHERE status IN ('pending', 'running') ORDER BY created_at")
        return [row["task_id"] for row in rows]

    def listed(self, status: str | None, limit: int) -> list[Task]:
        """The newest tasks, of one status or of all."""
        where, values = ("WHERE status = ?", (status,)) if status else ("", ())
        rows = self._db.execute(
            f"SELECT {_COLUMNS} FROM tasks {where} ORDER BY created_at DESC, task_id LIMIT ?", (*values, limit)
        )
        return [_task(row) for row in rows]

    def counts(self) -> dict[str, int]:
        """How many tasks there are of each status."""
        rows = self._db.execute("SELECT status, count(*) AS tasks FROM tasks GROUP BY status")
        found = {row["status"]: row["tasks"] for row in rows}
        return {status: found.get(status, 0) for status in STATUSES}

    def bodies(self, task_id: str, first: int, count: int) -> list[str]:
        """The records of a task from a position on, as JSON texts."""
        rows = self._db.execute(
            "SELECT body FROM records WHERE task_id = ? AND position >= ? ORDER BY position LIMIT ?",
            (task_id, first, count),
        )
        return [row["body"] for row in rows]


def prepare(path: Path) -> None:
    """Make the store file if there is none, and check it if there is; a file that is not ours is left as it is.

    A start that was killed may have left an empty database behind: that is taken for none. Raises StartError with
    advice.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        application, version, tables = _identity(path) if path.exists() and path.stat().st_size else (0, 0, 0)
        if tables == 0 and application == 0:
            _make(path)
            return
    except sqlite3.Error as error:
        raise StartError(
            f"the store {path} is not a SQLite file, or is damaged ({error}): move it away, or give another --store"
        ) from error
    if application != APPLICATION_ID:
        raise StartError(f"{path} is a SQLite file of another program: give another --store")
    if version > FORMAT:
        raise StartError(f"the store {path} has format {version}, this server knows {FORMAT}: use the newer server")


def _identity(path: Path) -> tuple[int, int, int]:
    """Whose file it is, of which format, and how many tables and indexes it has; read without changing it.

    What a crash has left for the next writer to roll back is rolled back only where the file can be nobody else's.
    """
    with path.open("rb") as file:
        header = file.read(_HEADER_BYTES)
    application = int.from_bytes(header[68:72], "big")
    ours = application == APPLICATION_ID or (application == 0 and path.stat().st_size <= _FIRST_PAGE_BYTES)
    try:
        return _ask_identity(f"{path.resolve().as_uri()}?mode=ro")
    except sqlite3.OperationalError as error:
        if not ours or error.sqlite_errorcode not in _LEFT_BY_A_CRASH:
            raise
        return _ask_identity(path.resolve().as_uri())


def _ask_identity(uri: str) -> tuple[int, int, int]:
    with closing(sqlite3.connect(uri, uri=True, timeout=_BUSY_S)) as db:
        application, version, tables = (
            int(db.execute(query).fetchone()[0])
            for query in ("PRAGMA application_id", "PRAGMA user_version", "SELECT count(*) FROM sqlite_master")
        )
    return application, version, tables


def _make(path: Path) -> None:
    """Make the tables in one transaction, unless another process has made them meanwhile."""
    with closing(sqlite3.connect(path, isolation_level=None, timeout=_BUSY_S)) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        db.execute("BEGIN EXCLUSIVE")
        if db.execute("PRAGMA application_id").fetchone()[0] == 0:
            for statement in filter(str.strip, _SCHEMA.split(";")):
                db.execute(statement)
        db.execute("COMMIT")


def _task(row: sqlite3.Row) -> Task:
    values = dict(row)
    values["parameters"] = json.loads(values["parameters"])
    values["result"] = json.loads(values["result"]) if values["result"] else None
    return Task(**values)


def _now() -> str:
    return datetime.fromtimestamp(time.time(), UTC).isoformat(timespec="microseconds")
