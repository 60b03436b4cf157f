"""The reference server's own lines, which stand beside the advice as the model: how a batch is committed once."""

from __future__ import annotations

MODELLED = frozenset(
    {
        "records.lost",
        "records.duplicated",
        "records.count",
        "effects.rework",
        "effects.lost",
        "progress.regressed",
        "task.false-success",
        "fencing.double-run",
    }
)
"""Invariants that these lines keep."""

TITLE = "reference_server/committing.py: records and checkpoint in one transaction, by whoever holds the task"
CODE = """\
_MOVE = (
    "UPDATE tasks SET step = step + 1, progress = ?, cursor = ?, digest = ?, message = ?,"
    " stateful = CASE WHEN ? THEN 1 ELSE stateful END,"
    " updated_at = CASE WHEN updated_at < ? THEN ? ELSE updated_at END"
    " WHERE task_id = ? AND epoch = ? AND step = ? AND status = ?"
)

lines, progress = batch_rows.joined(bodies), task.progress + len(bodies)
moved = (progress, after.cursor, after.digest, after.message, after.state is not None, at, at)
status = _moved(db, task, moved)
if status is None:
    raise Superseded(task.task_id)
batch_rows.write(db, task.task_id, task.progress, lines)
"""
