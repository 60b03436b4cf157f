"""Reading tasks: by id, in lists, and counted. No row is taken for a task before its seal was looked at."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from reference_server.database import Database
from reference_server.errors import Damaged
from reference_server.lifecycle import STATUSES, Event, condition
from reference_server.seals import ADVICE, SEALED, Sealed, check_task, seal_of
from reference_server.task import Task

Admission = Callable[[Database], None]
"""Refuses a new task by what is stored, in the transaction that is to store it; raises Refusal."""

_ALL = 1 << 62
_COLUMNS = ", ".join(f'"{column}"' for column in (*SEALED, "seal"))

log = logging.getLogger("reference_server")


def find(db: Database, task_id: str, owner: str | None) -> Task | None:
    """The task, if there is one and it is this owner's; raises Damaged."""
    if "\0" in task_id:  # which not every database has in a text
        return None
    row = _row(db, task_id)
    return Task.of(row) if row and owner in (None, row["owner"]) else None


def claimed(db: Database, task_id: str) -> Task:
    """The task for who has claimed it in this transaction, with what seals its row; raises Damaged."""
    row = _row(db, task_id)
    return Task.of(row)._replace(sealed=Sealed.of(row) if db.seals else None)


def _row(db: Database, task_id: str) -> Any:
    row = db.execute(f"SELECT {_COLUMNS} FROM tasks WHERE task_id = ?", (task_id,)).fetchone()
    if row and db.seals:
        check_task(row)
    return row


def claimable(db: Database, workers: Sequence[str], most: int | None) -> list[tuple[str, str]]:
    """The ids and owners of all runnable tasks that none of these workers executes, or of so many, the oldest first."""
    elsewhere, values = db.elsewhere(workers)
    rows = db.execute(
        f"SELECT task_id, owner FROM tasks WHERE {condition(Event.CLAIM)}"
        f" AND (worker IS NULL OR NOT ({elsewhere})) ORDER BY created_at LIMIT ?",
        (*values, _ALL if most is None else most),
    )
    return [(row["task_id"], row["owner"]) for row in rows]


def folders(db: Database, task_id: str | None) -> set[Path]:
    """The folders of all tasks' destinations, or of one task's."""
    rows = db.execute(
        "SELECT target FROM tasks WHERE target IS NOT NULL AND task_id = coalesce(?, task_id)", (task_id,)
    )
    return {Path(row["target"]).parent for row in rows}


def listed(
    db: Database, owner: str | None, status: str | None, limit: int, after: tuple[str, str] | None
) -> list[Task]:
    """The newest tasks, of one status or of all, behind the one that was created ``after`` (when, and its id)."""
    conditions, values = ["TRUE"], list[Any]()
    for asked, value in (("owner = ?", owner), ("status = ?", status)):
        if value is not None:
            conditions.append(asked)
            values.append(value)
    if after:
        conditions.append("(created_at, task_id) < (?, ?)")
        values += after
    return _intact(
        db,
        db.execute(
            f"SELECT {_COLUMNS} FROM tasks WHERE {' AND '.join(conditions)}"
            " ORDER BY created_at DESC, task_id DESC LIMIT ?",
            (*values, limit),
        ),
    )


def of_client(db: Database, owner: str, client_id: str, limit: int) -> list[Task]:
    """The newest tasks of one client."""
    return _intact(
        db,
        db.execute(
            f"SELECT {_COLUMNS} FROM tasks WHERE owner = ? AND client_id = ? ORDER BY created_at DESC, task_id LIMIT ?",
            (owner, client_id, limit),
        ),
    )


def _intact(db: Database, rows: Iterable[Any]) -> list[Task]:
    """A list leaves out what is damaged, and the log names it: one task must not hide all others."""
    found = []
    for row in rows:
        try:
            if db.seals:
                check_task(row)
            found.append(Task.of(row))
        except Damaged as error:
            log.error("%s", error)
    return found


def counts(db: Database, owner: str | None) -> dict[str, int]:
    """How many tasks there are of each status."""
    where, values = ("", ()) if owner is None else ("WHERE owner = ?", (owner,))
    rows = db.execute(f"SELECT status, count(*) AS tasks FROM tasks {where} GROUP BY status", values)
    found = {row["status"]: row["tasks"] for row in rows}
    return {status: found.get(status, 0) for status in STATUSES}


def write_state(db: Database, task_id: str, body: bytes) -> None:
    """Keep what the task's job remembers beside its records."""
    db.execute(
        "INSERT INTO states (task_id, body, seal) VALUES (?, ?, ?)"
        " ON CONFLICT (task_id) DO UPDATE SET body = excluded.body, seal = excluded.seal",
        (task_id, body, seal_of(body, task_id)),
    )


def state(db: Database, task_id: str) -> bytes | None:
    """What the task's job remembers beside its records; raises Damaged."""
    row = db.execute("SELECT body, seal FROM states WHERE task_id = ?", (task_id,)).fetchone()
    if row is None:
        kept = db.execute("SELECT stateful FROM tasks WHERE task_id = ?", (task_id,)).fetchone()
        if kept is None or not kept["stateful"]:
            return None
        raise Damaged(f"what the task {task_id!r} had reached is missing in the store: {ADVICE}")
    body = row["body"]
    if not isinstance(body, bytes) or row["seal"] != seal_of(body, task_id):
        raise Damaged(f"what the task {task_id!r} had reached is damaged in the store: {ADVICE}")
    return body
