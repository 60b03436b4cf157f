"""The ledger: effects outside the subject's own store, which show work that was done twice.

The subject appends one JSON line for each record that it executes: ``{"task": ..., "record": ..., "attempt": ...}``.
The lab owns the file and reads it once the run is over. A last line torn by a kill is an effect that did not happen.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

from mcp_crashtest.model.columns import Table
from mcp_crashtest.model.errors import SubjectError

_LONGEST_NAME = 200


def read_executions(path: Path) -> Table | None:
    """Task, record and how often it was executed, in the order of first execution; None without a ledger.

    Raises SubjectError for a line, other than a torn last one, that is not as described above.
    """
    if not path.exists():
        return None
    times: Counter[tuple[str, str]] = Counter()
    lines = path.read_text(encoding="utf-8", errors="replace").split("\n")
    for number, line in enumerate(lines, start=1):
        if not line or number == len(lines):
            continue
        try:
            entry = json.loads(line)
            times[str(entry["task"])[:_LONGEST_NAME], str(entry["record"])[:_LONGEST_NAME]] += 1
        except (ValueError, KeyError, TypeError) as error:
            raise SubjectError(
                f"line {number} of the ledger is not {{'task': ..., 'record': ...}} as JSON: {line[:_LONGEST_NAME]!r}"
            ) from error
    return Table.of(((task, record, n) for (task, record), n in times.items()), width=3)
