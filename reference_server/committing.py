"""The transaction of a batch: its records, its state and its checkpoint, in the name of the worker's epoch."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from reference_server import batch_rows, task_rows
from reference_server.database import Database
from reference_server.errors import Superseded
from reference_server.lifecycle import MOVES, Event, Status
from reference_server.task import Checkpoint, Task

_MOVE = (
    "UPDATE tasks SET step = step + 1, progress = ?, cursor = ?, digest = ?, message = ?,"
    " stateful = CASE WHEN ? THEN 1 ELSE stateful END,"
    " updated_at = CASE WHEN updated_at < ? THEN ? ELSE updated_at END"
    " WHERE task_id = ? AND epoch = ? AND step = ? AND status = ?"
)


def commit(
    db: Database,
    task: Task,
    bodies: Sequence[str],
    after: Checkpoint,
    at: str,
    written: Callable[[], None] | None = None,
) -> Task:
    """Write a batch, at this time, in the transaction that has begun; raises Superseded, and has written nothing."""
    lines, progress = batch_rows.joined(bodies), task.progress + len(bodies)
    moved = (progress, after.cursor, after.digest, after.message, after.state is not None, at, at)
    status = _moved(db, task, moved)
    if status is None:
        raise Superseded(task.task_id)
    batch_rows.write(db, task.task_id, task.progress, lines)
    if after.state is not None:
        task_rows.write_state(db, task.task_id, after.state)
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


def _moved(db: Database, task: Task, moved: Sequence[object]) -> Status | None:
    """Move the task's row; the status that it has kept, None where it is not this worker's, or not at this step.

    One by one, the likeliest first: so the status is known without asking.
    """
    for status in MOVES[Event.COMMIT].sources:
        if db.execute(_MOVE, (*moved, task.task_id, task.epoch, task.step, status.value)).rowcount == 1:
            return status
    return None
