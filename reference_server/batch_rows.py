"""A batch's records as one row of the store: one JSON text a line, behind the rows that are there already.

What is committed together lies together: a commit writes half the pages that it would need for a row a record.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from reference_server import limits
from reference_server.errors import Refusal


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


def read(db: sqlite3.Connection, task_id: str, first: int, count: int) -> list[str]:
    """The records of a task from a position on, whatever batches they came in."""
    rows = db.execute(
        "SELECT position, bodies FROM batches WHERE task_id = ? AND position < ? AND position >= ifnull("
        "(SELECT max(position) FROM batches WHERE task_id = ? AND position <= ?), 0) ORDER BY position",
        (task_id, first + count, task_id, first),
    )
    found: list[str] = []
    for row in rows:
        found += row["bodies"].split("\n")[max(0, first - row["position"]) :]
    return found[:count]
