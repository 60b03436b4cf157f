"""The store: tasks, their records and their state in one SQLite file.

Every rule of exactness that can be a statement is one:

* A batch's records, its state and its checkpoint are one transaction, with ``synchronous = FULL``.
* Each claim of a task raises its ``epoch``; every later write of that worker names the epoch that it was given, so a
  worker that was replaced, or a task that was cancelled, matches no row and nothing is written.
* A terminal status never changes: no statement matches such a row.

All methods block, and run in whatever transaction the caller has begun. A method that raises Refusal or Superseded
has changed nothing, unless its docstring says that it needs a transaction of its own.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from reference_server import limits
from reference_server.errors import Refusal, StartError, Superseded
from reference_server.schema import FORMAT, connect
from reference_server.task import COLUMNS, STATUSES, Checkpoint, Status, Submission, Task, now

_UPDATED = "updated_at = max(updated_at, ?)"  # clocks are set back now and then


class Store:
    """One connection to the store, used by one thread at a time."""

    def __init__(self, path: Path) -> None:
        try:
            self._db = connect(path)
        except sqlite3.Error as error:
            raise StartError(f"the store {path} cannot be opened: {error}") from error

    def close(self) -> None:
        """Close the connection."""
        self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise

    # --- from submission to a worker

    def submit(self, task_id: str, wanted: Submission, *, most_unfinished: int) -> Task:
        """The task of this submission: the one that there is, else a new one under ``task_id``.

        Raises Refusal when the key stands for something else, another unfinished task writes the same target, or the
        owner has ``most_unfinished`` tasks.
        """
        known = self._db.execute("SELECT task_id FROM tasks WHERE submission = ?", (wanted.key,)).fetchone()
        if known:
            task = self.get(known["task_id"])
            if (task.kind, task.parameters) != (wanted.kind, wanted.parameters):
                raise Refusal("this idempotency_key was used for another request: give a new one")
            return task
        if wanted.target is not None:
            self._refuse_taken(wanted.target)
        unfinished = self._db.execute(
            "SELECT count(*) FROM tasks WHERE owner = ?"
            " AND status IN ('pending', 'running', 'paused', 'input_required')",
            (wanted.owner,),
        ).fetchone()[0]
        if unfinished >= most_unfinished:
            raise Refusal(f"there are {unfinished} unfinished tasks: wait for some, or cancel them")
        at = now()
        self._db.execute(
            "INSERT INTO tasks (task_id, kind, submission, lasting, target, parameters, status, total, batch_size,"
            " owner, client_id, created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?, 'pending', ?, ?, ?, ?, ?, ?)",
            (
                *(task_id, wanted.kind, wanted.key, wanted.lasting, wanted.target, json.dumps(wanted.parameters)),
                *(wanted.total, wanted.batch_size, wanted.owner, wanted.client_id, at, at),
            ),
        )
        return self.get(task_id)

    def _refuse_taken(self, target: str) -> None:
        taken = self._db.execute(
            "SELECT task_id FROM tasks WHERE target = ?"
            " AND status IN ('pending', 'running', 'paused', 'input_required')",
            (target,),
        ).fetchone()
        if taken:
            raise Refusal("another task is writing to that destination: wait for it, or cancel it first")

    def claimable(self, workers: Sequence[str]) -> list[str]:
        """The ids of all runnable tasks that none of these workers executes, the oldest first."""
        rows = self._db.execute(
            "SELECT task_id FROM tasks WHERE status IN ('pending', 'running')"
            f" AND (worker IS NULL OR worker NOT IN ({_marks(workers)})) ORDER BY created_at",
            workers,
        )
        return [row["task_id"] for row in rows]

    def claim(self, task_id: str, worker: str, others: Sequence[str]) -> tuple[Task, bytes | None]:
        """Make the caller the task's only worker; the task and its state. Raises Superseded when it is not to be had.

        ``others`` are workers that live: their tasks are theirs.
        """
        claimed = self._db.execute(
            "UPDATE tasks SET worker = ?, epoch = epoch + 1,"
            " updated_at = CASE status WHEN 'pending' THEN max(updated_at, ?) ELSE updated_at END, status = 'running'"
            " WHERE task_id = ? AND status IN ('pending', 'running')"
            f" AND (worker IS NULL OR worker NOT IN ({_marks(others)}))",
            (worker, now(), task_id, *others),
        )
        if claimed.rowcount != 1:
            raise Superseded(task_id)
        return self.get(task_id), self.state(task_id)

    # --- a worker's writes

    def commit_batch(
        self, task: Task, bodies: Sequence[str], after: Checkpoint, written: Callable[[], None] | None = None
    ) -> Task:
        """Commit a batch's records and its checkpoint, or nothing; raises Superseded for a worker that was replaced.

        A task that was paused while its batch ran takes that batch, and stays paused. ``written`` is called with the
        transaction still open.
        """
        lines, progress, at = _lines(bodies), task.progress + len(bodies), max(task.updated_at, now())
        moved, mine = (progress, after.cursor, after.digest, after.message, at), (task.task_id, task.epoch, task.step)
        for status in (Status.RUNNING, Status.PAUSED):
            if self._changed(
                f"UPDATE tasks SET step = step + 1, progress = ?, cursor = ?, digest = ?, message = ?, {_UPDATED}"
                " WHERE task_id = ? AND epoch = ? AND step = ? AND status = ?",
                (*moved, *mine, status.value),
            ):
                break
        else:
            raise Superseded(task.task_id)
        self._db.execute(
            "INSERT INTO batches (task_id, position, bodies) VALUES (?, ?, ?)",
            (task.task_id, task.progress, lines),
        )
        if after.state is not None:
            self._db.execute("INSERT OR REPLACE INTO states (task_id, body) VALUES (?, ?)", (task.task_id, after.state))
        if written:
            written()
        return task._replace(
            step=task.step + 1,
            progress=progress,
            cursor=after.cursor,
            digest=after.digest,
            message=after.message,
            updated_at=at,
            status=status,
        )

    def complete(self, task: Task, result: dict[str, Any], *, keep: bool, place: Callable[[], None]) -> Task:
        """Complete a task; needs a transaction of its own. Raises Superseded.

        ``place`` puts the output in its place: a cancellation comes before it, and the output never appears, or after
        it, and finds the task completed. Unless ``keep``, the staged records are dropped.
        """
        self._end(task, Status.COMPLETED, result=json.dumps(result))
        if not keep:
            self._db.execute("DELETE FROM batches WHERE task_id = ?", (task.task_id,))
        place()
        return self.get(task.task_id)

    def fail(self, task: Task, error: str) -> Task:
        """End a task with an error, and keep what was committed; raises Superseded."""
        self._end(task, Status.FAILED, error=error)
        return self.get(task.task_id)

    def _end(self, task: Task, status: Status, *, result: str | None = None, error: str | None = None) -> None:
        at = now()
        ended = self._db.execute(
            f"UPDATE tasks SET status = ?, result = ?, error = ?, worker = NULL, {_UPDATED}, completed_at = ?,"
            " submission = CASE WHEN lasting > ? THEN submission END"
            " WHERE task_id = ? AND epoch = ? AND status IN ('running', 'paused')",
            (status, result, error, at, at, status is not Status.COMPLETED, task.task_id, task.epoch),
        )
        if ended.rowcount != 1:
            raise Superseded(task.task_id)

    def ask(self, task: Task, prompts: dict[str, Any]) -> Task:
        """Let the task wait until its owner has answered; raises Superseded."""
        asked = self._db.execute(
            f"UPDATE tasks SET status = 'input_required', prompts = ?, worker = NULL, {_UPDATED}"
            " WHERE task_id = ? AND epoch = ? AND status = 'running'",
            (json.dumps(prompts), now(), task.task_id, task.epoch),
        )
        if asked.rowcount != 1:
            raise Superseded(task.task_id)
        return self.get(task.task_id)

    # --- an owner's writes

    def cancel(self, task_id: str) -> bool:
        """Cancel a task for good; False when there is nothing to cancel. A batch under way is not committed."""
        at = now()
        return self._changed(
            "UPDATE tasks SET status = 'cancelled', epoch = epoch + 1, worker = NULL, message = 'Cancelled',"
            f" submission = CASE WHEN lasting > 1 THEN submission END, prompts = '', {_UPDATED}, completed_at = ?"
            " WHERE task_id = ? AND status IN ('pending', 'running', 'paused', 'input_required')",
            (at, at, task_id),
        )

    def pause(self, task_id: str) -> bool:
        """Let the task stand still after the batch under way; False when it does not run."""
        return self._changed(
            f"UPDATE tasks SET status = 'paused', {_UPDATED} WHERE task_id = ? AND status IN ('pending', 'running')",
            (now(), task_id),
        )

    def resume(self, task_id: str) -> bool:
        """Let a paused task go on; False when it is not paused. A worker that has not stopped yet just goes on."""
        return self._changed(
            f"UPDATE tasks SET status = 'running', {_UPDATED} WHERE task_id = ? AND status = 'paused'",
            (now(), task_id),
        )

    def answer(self, task_id: str, answers: dict[str, Any]) -> bool:
        """Take answers to open questions; with the last one the task goes on. False when none of them was open."""
        task = self.get(task_id)
        given = {key: answer for key, answer in answers.items() if key in task.prompts}
        if task.status is not Status.INPUT_REQUIRED or not given:
            return False
        left = {key: prompt for key, prompt in task.prompts.items() if key not in given}
        return self._changed(
            f"UPDATE tasks SET prompts = ?, answers = ?, {_UPDATED}, status = ? WHERE task_id = ?",
            (
                *(json.dumps(left) if left else "", json.dumps({**task.answers, **given}), now()),
                *(Status.INPUT_REQUIRED if left else Status.PENDING, task_id),
            ),
        )

    def check_writable(self) -> None:
        """Write something that changes nothing; raises sqlite3.Error where it cannot be written."""
        self._db.execute(f"PRAGMA user_version = {FORMAT}")

    def purge(self, created_before: str, most: int) -> int:
        """Forget finished tasks that were created before; how many they were, ``most`` at a time."""
        old = [
            row["task_id"]
            for row in self._db.execute(
                "SELECT task_id FROM tasks WHERE created_at < ? AND status IN ('completed', 'failed', 'cancelled')"
                " ORDER BY created_at LIMIT ?",
                (created_before, most),
            )
        ]
        for table in ("batches", "states", "tasks"):
            self._db.executemany(f"DELETE FROM {table} WHERE task_id = ?", [(task_id,) for task_id in old])
        return len(old)

    def _changed(self, statement: str, values: Sequence[Any]) -> bool:
        return self._db.execute(statement, values).rowcount == 1

    # --- reading. ``owner`` None stands for everybody: a server without users has one user, who sees all

    def find(self, task_id: str, owner: str | None = None) -> Task | None:
        """The task, if there is one and it is this owner's."""
        row = self._db.execute(
            f"SELECT {COLUMNS} FROM tasks WHERE task_id = ? AND owner = ifnull(?, owner)", (task_id, owner)
        ).fetchone()
        return None if row is None else Task.of(row)

    def get(self, task_id: str, owner: str | None = None) -> Task:
        """The task; raises Refusal for an unknown id, and in the same words for another owner's."""
        task = self.find(task_id, owner)
        if task is None:
            raise Refusal(f"there is no task {task_id!r}")
        return task

    def state(self, task_id: str) -> bytes | None:
        """What the task's job remembers beside its records."""
        row = self._db.execute("SELECT body FROM states WHERE task_id = ?", (task_id,)).fetchone()
        return None if row is None else bytes(row["body"])

    def listed(
        self, owner: str | None, status: str | None, limit: int, after: tuple[str, str] | None = None
    ) -> list[Task]:
        """The newest tasks, of one status or of all, behind the one that was created ``after`` (when, and its id)."""
        conditions, values = ["TRUE"], []
        for condition, value in (("owner = ?", owner), ("status = ?", status)):
            if value is not None:
                conditions.append(condition)
                values.append(value)
        if after:
            conditions.append("(created_at, task_id) < (?, ?)")
            values += after
        rows = self._db.execute(
            f"SELECT {COLUMNS} FROM tasks WHERE {' AND '.join(conditions)}"
            " ORDER BY created_at DESC, task_id DESC LIMIT ?",
            (*values, limit),
        )
        return [Task.of(row) for row in rows]

    def of_client(self, owner: str, client_id: str, limit: int) -> list[Task]:
        """The newest tasks of one client."""
        rows = self._db.execute(
            f"SELECT {COLUMNS} FROM tasks WHERE owner = ? AND client_id = ? ORDER BY created_at DESC, task_id LIMIT ?",
            (owner, client_id, limit),
        )
        return [Task.of(row) for row in rows]

    def counts(self, owner: str | None = None) -> dict[str, int]:
        """How many tasks there are of each status."""
        where, values = ("", ()) if owner is None else ("WHERE owner = ?", (owner,))
        rows = self._db.execute(f"SELECT status, count(*) AS tasks FROM tasks {where} GROUP BY status", values)
        found = {row["status"]: row["tasks"] for row in rows}
        return {status: found.get(status, 0) for status in STATUSES}

    def bodies(self, task_id: str, first: int, count: int) -> list[str]:
        """The records of a task from a position on, as JSON texts."""
        rows = self._db.execute(
            "SELECT position, bodies FROM batches WHERE task_id = ? AND position < ? AND position >= ifnull("
            "(SELECT max(position) FROM batches WHERE task_id = ? AND position <= ?), 0) ORDER BY position",
            (task_id, first + count, task_id, first),
        )
        found: list[str] = []
        for row in rows:
            found += row["bodies"].split("\n")[max(0, first - row["position"]) :]
        return found[:count]


def _lines(bodies: Sequence[str]) -> str:
    """One JSON text a line, which are one row; raises Refusal for more than a row should have.

    Raises ValueError for a text of several lines, which would be read as several records.
    """
    text = "\n".join(bodies)
    if len(text) > limits.LONGEST_BATCH_CHARACTERS:
        raise Refusal(
            f"the {len(bodies)} records of a batch have {len(text)} characters, and "
            f"{limits.LONGEST_BATCH_CHARACTERS} are the most: start it again with a smaller batch_size"
        )
    if text.count("\n") >= len(bodies):
        raise ValueError("the JSON text of a record has a line break")
    return text


def _marks(values: Sequence[str]) -> str:
    return ", ".join("?" for _ in values) or "''"
