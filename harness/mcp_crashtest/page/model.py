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

TITLE = "reference_server/store.py, commit_batch: records and checkpoint in one transaction, by whoever holds the task"
CODE = """\
# One by one, the likeliest first: so the status that it has kept is known without asking.
for status in MOVES[Event.COMMIT].sources:
    committed = self._db.execute(
        "UPDATE tasks SET step = step + 1, progress = ?, cursor = ?, digest = ?, message = ?,"
        " stateful = max(stateful, ?), updated_at = max(updated_at, ?)"
        " WHERE task_id = ? AND epoch = ? AND step = ? AND status = ?",
        (*moved, *mine, status.value),
    )
    if committed.rowcount == 1:
        break
else:
    raise Superseded(task.task_id)
batch_rows.write(self._db, task.task_id, task.progress, lines)
"""
