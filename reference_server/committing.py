"""The transaction of a batch: its records, its state and its checkpoint, in the name of the worker's epoch."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from reference_server import batch_rows, task_rows
from reference_server.database import Database
from reference_server.errors import Superseded
from reference_server.lifecycle import MOVES, Event, Status
from reference_server.seals import Sealed
from reference_server.task import Checkpoint, Task

_MOVE = (
    "UPDATE tasks SET step = step + 1, progress = ?, cursor = ?, digest = ?, message = ?,"
    " stateful = CASE WHEN ? THEN 1 ELSE stateful END,"
    " updated_at = CASE WHEN updated_at < ? THEN ? ELSE updated_at END"
    " WHERE task_id = ? AND epoch = ? AND step = ? AND status = ?"
)
# The same for a running task whose row is what its worker knows, and seals itself: the likeliest by far.
_STEP = (
    "UPDATE tasks SET step = ?, progress = ?, cursor = ?, digest = ?, message = ?, updated_at = ?, seal = ?"
    f" WHERE task_id = ? AND epoch = ? AND step = ? AND status = '{Status.RUNNING.value}' AND seal = ?"
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
    if task.sealed and after.state is None and (stepped := _stepped(db, task, task.sealed, bodies, after, at, written)):
        return stepped
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
        sealed=None,
    )


def _stepped(
    db: Database,
    task: Task,
    sealed: Sealed,
    bodies: Sequence[str],
    after: Checkpoint,
    at: str,
    written: Callable[[], None] | None,
) -> Task | None:
    """Write a batch of a task whose row is what its worker knows; None where it is not, and nothing is written."""
    lines, step, progress = batch_rows.joined(bodies), task.step + 1, task.progress + len(bodies)
    cursor, digest, message, _ = after
    then = sealed.moved(step, cursor, digest, progress, message, at)
    moved = (step, progress, cursor, digest, message, at, then.seal)
    if db.execute(_STEP, (*moved, task.task_id, task.epoch, task.step, sealed.seal)).rowcount != 1:
        return None
    batch_rows.write(db, task.task_id, task.progress, lines)
    if written:
        written()
    return task._replace(
        step=step, cursor=cursor, digest=digest, progress=progress, message=message, updated_at=at, sealed=then
    )


def _moved(db: Database, task: Task, moved: Sequence[object]) -> Status | None:
    """Move the task's row; the status that it has kept, None where it is not this worker's, or not at this step.

    One by one, the likeliest first: so the status is known without asking.
    """
    for status in MOVES[Event.COMMIT].sources:
        if db.execute(_MOVE, (*moved, task.task_id, task.epoch, task.step, status.value)).rowcount == 1:
            return status
    return None
