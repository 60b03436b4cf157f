"""Forgetting finished tasks: with their records and states, or not at all. Their output files are their owners'."""

from __future__ import annotations

from reference_server.database import Database
from reference_server.lifecycle import TERMINAL, among

_TABLES = ("batches", "states", "tasks")


def purge(db: Database, created_before: str, most: int) -> int:
    """Forget finished tasks that were created before; how many they were, ``most`` at a time."""
    old = [
        row["task_id"]
        for row in db.execute(
            f"SELECT task_id FROM tasks WHERE created_at < ? AND {among(TERMINAL)} ORDER BY created_at LIMIT ?",
            (created_before, most),
        )
    ]
    for table in _TABLES:
        db.executemany(f"DELETE FROM {table} WHERE task_id = ?", [(task_id,) for task_id in old])
    return len(old)


def forget(db: Database, task_id: str) -> bool:
    """Forget a finished task; False for one that is not finished, or not there."""
    if not db.execute(f"SELECT 1 FROM tasks WHERE task_id = ? AND {among(TERMINAL)}", (task_id,)).fetchone():
        return False
    for table in _TABLES:
        db.execute(f"DELETE FROM {table} WHERE task_id = ?", (task_id,))
    return True
