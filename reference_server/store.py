"""The store: tasks, their records and their state in one database, SQLite's or PostgreSQL's.

Every rule of exactness that can be a statement is one:

* A batch's records, its state and its checkpoint are one transaction, which is flushed to the disk.
* Each claim of a task raises its ``epoch``; every later write of that worker names the epoch that it was given, so a
  worker that was replaced, or a task that was cancelled, matches no row and nothing is written.
* A status moves by the table in ``lifecycle`` alone, whose conditions the statements here name: a terminal status
  never changes, because no statement matches such a row.

All methods block, and run in whatever transaction the caller has begun. A method that raises Refusal or Superseded
has changed nothing, unless its docstring says that it needs a transaction of its own.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from reference_server import batch_rows, committing, forgetting, task_rows
from reference_server.database import Place
from reference_server.errors import Damaged, Refusal, Superseded
from reference_server.lifecycle import (
    INITIAL,
    UNFINISHED,
    UNTIL_SETTLED,
    Event,
    Status,
    among,
    assignment,
    condition,
)
from reference_server.schema import BUSY_S
from reference_server.sqlite_file import place_of
from reference_server.task import Checkpoint, Lasting, Submission, Task, now
from reference_server.task_rows import Admission

_NOW = "CASE WHEN updated_at < :at THEN :at ELSE updated_at END"  # clocks are set back now and then
_UPDATED = f"updated_at = {_NOW}"
# The submission of a task that has ended is NULL, once its key stands for the task no longer.
_EXPIRED = "submission = CASE WHEN lasting > :expired THEN submission END"
_UNSETTLED = '"placing" = 0'  # a word that PostgreSQL has for something else
_ENDED = ("worker = NULL", f"completed_at = {_NOW}", _EXPIRED)


class Store:
    """One connection to the store, used by one thread at a time."""

    def __init__(self, place: Path | Place, patience_s: float = BUSY_S) -> None:
        self._db = place_of(place).connect(patience_s)

    def close(self) -> None:
        """Close the connection."""
        self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing."""
        self.begin()
        with self.begun():
            yield

    def begin(self) -> None:
        """Begin a transaction; raises sqlite3.OperationalError or Away where the database is not to be had."""
        self._db.begin()

    @contextmanager
    def begun(self) -> Iterator[None]:
        """Within a transaction that has begun: all or nothing."""
        try:
            yield
            self._db.commit()
        except BaseException:
            if self._db.in_transaction:
                self._db.rollback()
            raise

    # --- from submission to a worker

    def submit(
        self, task_id: str, wanted: Submission, *, most_unfinished: int, admission: Admission | None = None
    ) -> Task:
        """The task of this submission: the one that there is, else a new one under ``task_id``.

        Raises Refusal when the key stands for something else, another unfinished task of the owner writes the same
        target, or the owner has ``most_unfinished`` tasks, or is not admitted another.
        """
        self._db.reserve(wanted.owner)
        known = self._db.execute("SELECT task_id FROM tasks WHERE submission = ?", (wanted.key,)).fetchone()
        if known:
            task = self.get(known["task_id"])
            if (task.kind, task.parameters) != (wanted.kind, wanted.parameters):
                raise Refusal("this idempotency_key was used for another request: give a new one")
            return task
        if wanted.target is not None:
            self._refuse_taken(wanted.target, wanted.owner)
        unfinished = self._db.execute(
            f"SELECT count(*) FROM tasks WHERE owner = ? AND {among(UNFINISHED)}",
            (wanted.owner,),
        ).fetchone()[0]
        if unfinished >= most_unfinished:
            raise Refusal(f"there are {unfinished} unfinished tasks: wait for some, or cancel them")
        if admission:
            admission(self._db)
        at = now()
        self._db.execute(
            "INSERT INTO tasks (task_id, kind, submission, lasting, target, parameters, status, total, batch_size,"
            " owner, client_id, created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                *(task_id, wanted.kind, wanted.key, int(wanted.lasting), wanted.target, json.dumps(wanted.parameters)),
                *(INITIAL.value, wanted.total, wanted.batch_size, wanted.owner, wanted.client_id, at, at),
            ),
        )
        self._db.announce(task_id)
        return self.get(task_id)

    def _refuse_taken(self, target: str, owner: str) -> None:
        taken = self._db.execute(
            f"SELECT task_id FROM tasks WHERE target = ? AND owner = ? AND {among(UNFINISHED)}", (target, owner)
        ).fetchone()
        if taken:
            raise Refusal("another task is writing to that destination: wait for it, or cancel it first")

    def claimable(self, workers: Sequence[str], most: int | None = None) -> list[tuple[str, str]]:
        """The ids and owners of all runnable tasks that none of these workers executes, or of so many, the oldest."""
        return task_rows.claimable(self._db, workers, most)

    def claim(self, task_id: str, worker: str, others: Sequence[str]) -> tuple[Task, bytes | Damaged | None]:
        """Make the caller the task's only worker; the task and its state, or what is wrong with that.

        ``others`` are workers that live: their tasks are theirs. Raises Superseded when it is not to be had, and
        Damaged.
        """
        self.find(task_id)
        if not self._db.hold(task_id):
            raise Superseded(task_id)
        elsewhere, values = self._db.elsewhere(others)
        at = now()
        claimed = self._db.execute(
            f"UPDATE tasks SET worker = ?, epoch = epoch + 1, {assignment(Event.CLAIM)},"
            f" updated_at = CASE WHEN status = '{Status.RUNNING.value}' OR updated_at > ? THEN updated_at ELSE ? END"
            f" WHERE task_id = ? AND {condition(Event.CLAIM)} AND (worker IS NULL OR NOT ({elsewhere}))",
            (worker, at, at, task_id, *values),
        )
        if claimed.rowcount != 1:
            raise Superseded(task_id)
        task = task_rows.claimed(self._db, task_id)
        try:
            return task, self.state(task_id)
        except Damaged as damaged:
            return task, damaged

    # --- a worker's writes

    def commit_batch(
        self, task: Task, bodies: Sequence[str], after: Checkpoint, written: Callable[[], None] | None = None
    ) -> Task:
        """Commit a batch's records and its checkpoint, or nothing; raises Superseded for a worker that was replaced.

        A task that was paused while its batch ran takes that batch, and stays paused. ``written`` is called with the
        transaction still open.
        """
        return committing.commit(self._db, task, bodies, after, max(task.updated_at, now()), written)

    def settle(self, task: Task) -> None:
        """Let nobody pause or cancel the task any more: its output is to be put in place. Raises Superseded.

        After a kill it may be there already: so the next worker must put the same there, and end the task.
        """
        if not self._move(Event.SETTLE, task.task_id, '"placing" = 1', epoch=task.epoch):
            raise Superseded(task.task_id)

    def complete(self, task: Task, result: dict[str, Any], *, keep: bool, place: Callable[[], None]) -> Task:
        """Complete a task; needs a transaction of its own. Raises Superseded.

        ``place`` puts the output of a settled task in its place. Unless ``keep``, the staged records are dropped.
        """
        self._end(Event.COMPLETE, task, Lasting.WHILE_UNFINISHED, result=json.dumps(result))
        if not keep:
            self._db.execute("UPDATE tasks SET kept = 0 WHERE task_id = ?", (task.task_id,))
            self._db.execute("DELETE FROM batches WHERE task_id = ?", (task.task_id,))
        place()
        return self.get(task.task_id)

    def fail(self, task: Task, error: str) -> Task:
        """End a task with an error, and keep what was committed; raises Superseded."""
        self._end(Event.FAIL, task, Lasting.UNLESS_FAILED, error=error)
        return self.get(task.task_id)

    def _end(
        self, event: Event, task: Task, expired: Lasting, *, result: str | None = None, error: str | None = None
    ) -> None:
        outcome: dict[str, Any] = {"epoch": task.epoch, "expired": int(expired), "result": result, "error": error}
        if not self._move(event, task.task_id, "result = :result", "error = :error", *_ENDED, **outcome):
            raise Superseded(task.task_id)

    def ask(self, task: Task, prompts: dict[str, Any]) -> Task:
        """Let the task wait until its owner has answered; raises Superseded."""
        asked: dict[str, Any] = {"epoch": task.epoch, "prompts": json.dumps(prompts)}
        if not self._move(Event.ASK, task.task_id, "prompts = :prompts", "worker = NULL", **asked):
            raise Superseded(task.task_id)
        return self.get(task.task_id)

    # --- an owner's writes

    def cancel(self, task_id: str) -> bool:
        """Cancel a task for good; False when there is nothing to cancel. A batch under way is not committed."""
        changes = ("epoch = epoch + 1", "message = 'Cancelled'", "prompts = ''", *_ENDED)
        return self._move(Event.CANCEL, task_id, *changes, expired=int(Lasting.UNLESS_FAILED))

    def pause(self, task_id: str) -> bool:
        """Let the task stand still after the batch under way; False when it does not run."""
        return self._move(Event.PAUSE, task_id)

    def resume(self, task_id: str) -> bool:
        """Let a paused task go on; False when it is not paused. A worker that has not stopped yet just goes on."""
        return self._move(Event.RESUME, task_id)

    def answer(self, task_id: str, answers: dict[str, Any]) -> bool:
        """Take answers to open questions; with the last one the task goes on. False when none of them was open."""
        task = self.get(task_id)
        given = {key: answer for key, answer in answers.items() if key in task.prompts}
        if not given:
            return False
        left = {key: prompt for key, prompt in task.prompts.items() if key not in given}
        return self._move(
            Event.ANSWER if left else Event.ANSWER_THE_LAST,
            task_id,
            *("prompts = :prompts", "answers = :answers"),
            prompts=json.dumps(left) if left else "",
            answers=json.dumps({**task.answers, **given}),
        )

    def has_answers(self, task_id: str, answers: dict[str, Any]) -> bool:
        """Whether these answers were taken."""
        return answers.items() <= self.get(task_id).answers.items()

    def check_writable(self) -> None:
        """Write something that changes nothing; raises sqlite3.Error or OSError where no batch could be written."""
        self._db.check_writable()

    def purge(self, created_before: str, most: int) -> int:
        """Forget finished tasks that were created before; how many they were, ``most`` at a time."""
        return forgetting.purge(self._db, created_before, most)

    def forget(self, task_id: str) -> bool:
        """Forget a finished task, and all that is stored of it; False for one that is not finished."""
        return forgetting.forget(self._db, task_id)

    def _move(self, event: Event, task_id: str, *changes: str, epoch: int | None = None, **values: Any) -> bool:
        """Let an event happen to a task, and change its row; False where it is not for its status, or its ``epoch``.

        ``values`` are those of the names in ``changes``, which also know the time, ``at``.
        """
        moved = self._db.execute(
            f"UPDATE tasks SET {', '.join([assignment(event), _UPDATED, *changes])}"
            f" WHERE task_id = :task_id AND epoch = coalesce(:epoch, epoch) AND {condition(event)}"
            f" AND {_UNSETTLED if event in UNTIL_SETTLED else 'TRUE'}",
            {"at": now(), "task_id": task_id, "epoch": epoch, **values},
        )
        if moved.rowcount == 1:
            self._db.announce(task_id)
        return moved.rowcount == 1

    # --- reading. ``owner`` None stands for everybody: a server without users has one user, who sees all

    def find(self, task_id: str, owner: str | None = None) -> Task | None:
        """The task, if there is one and it is this owner's; raises Damaged."""
        return task_rows.find(self._db, task_id, owner)

    def get(self, task_id: str, owner: str | None = None) -> Task:
        """The task; raises Refusal for an unknown id, and in the same words for another owner's."""
        task = self.find(task_id, owner)
        if task is None:
            raise Refusal(f"there is no task {task_id!r}")
        return task

    def listed(
        self, owner: str | None, status: str | None, limit: int, after: tuple[str, str] | None = None
    ) -> list[Task]:
        """The newest tasks, of one status or of all, behind the one that was created ``after`` (when, and its id)."""
        return task_rows.listed(self._db, owner, status, limit, after)

    def of_client(self, owner: str, client_id: str, limit: int) -> list[Task]:
        """The newest tasks of one client."""
        return task_rows.of_client(self._db, owner, client_id, limit)

    def counts(self, owner: str | None = None) -> dict[str, int]:
        """How many tasks there are of each status."""
        return task_rows.counts(self._db, owner)

    def state(self, task_id: str) -> bytes | None:
        """What the task's job remembers beside its records; raises Damaged."""
        return task_rows.state(self._db, task_id)

    def folders(self, task_id: str | None) -> set[Path]:
        """The folders of all tasks' destinations, or of one task's."""
        return task_rows.folders(self._db, task_id)

    def bodies(self, task_id: str, first: int, count: int) -> list[str]:
        """The records of a task from a position on, as JSON texts; raises Damaged."""
        return batch_rows.read(self._db, task_id, first, count)
