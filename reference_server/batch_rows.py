"""A batch's records as one row of the store: one JSON text a line, behind the rows that are there already.

What is committed together lies together: a commit writes half the pages that it would need for a row a record. Each row
has a checksum, and rows follow each other without a gap: what is missing or bent is told, and not served.
"""

from __future__ import annotations

from collections.abc import Sequence

from reference_server import limits
from reference_server.database import Database
from reference_server.errors import Damaged, Refusal
from reference_server.seals import ADVICE, seal_of


def joined(bodies: Sequence[str]) -> str:
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


def write(db: Database, task_id: str, position: int, lines: str) -> None:
    """Add the row of a batch, which begins at this position."""
    db.execute(
        "INSERT INTO batches (task_id, position, bodies, seal) VALUES (?, ?, ?, ?)",
        (task_id, position, lines, seal_of(lines.encode(), task_id, position)),
    )


def read(db: Database, task_id: str, first: int, count: int) -> list[str]:
    """The records of a task from a position on, whatever batches they came in.

    Raises Damaged when one of them is not what was written, or is not there.
    """
    rows = db.execute(
        "SELECT position, bodies, seal FROM batches WHERE task_id = ? AND position < ? AND position >= coalesce("
        "(SELECT max(position) FROM batches WHERE task_id = ? AND position <= ?), 0) ORDER BY position",
        (task_id, first + count, task_id, first),
    )
    found: list[str] = []
    for row in rows:
        position, lines = row["position"], row["bodies"]
        following = first + len(found)
        if row["seal"] != _seal(task_id, position, lines) or position > following:
            raise _damaged(task_id, following)
        found += lines.split("\n")[following - position :]
    kept = db.execute("SELECT progress FROM tasks WHERE task_id = ? AND kept = 1", (task_id,)).fetchone()
    if kept and len(found) < min(count, kept["progress"] - first):
        raise _damaged(task_id, first + len(found))
    return found[:count]


def _seal(task_id: str, position: object, lines: object) -> int | None:
    """The seal that the row should have; None for one that has a bent type."""
    return seal_of(lines.encode(errors="surrogatepass"), task_id, position) if isinstance(lines, str) else None


def _damaged(task_id: str, position: int) -> Damaged:
    return Damaged(f"the records of the task {task_id!r} are damaged in the store, from record {position} on: {ADVICE}")
