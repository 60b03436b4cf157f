"""The ledger: effects outside the subject's own store, which show work that was done twice.

The subject appends one JSON line for each record that it executes: ``{"task": ..., "record": ..., "attempt": ...}``.
The lab owns the file and reads it once the run is over. A last line torn by a kill is an effect that did not happen.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mcp_crashtest.model.columns import Table
from mcp_crashtest.model.errors import SubjectError

_LONGEST_NAME = 200


@dataclass(frozen=True, slots=True)
class Effects:
    """What was executed: task, record and how often, in the order of first execution.

    ``stretches`` counts how often work was done again and then something new: a server that crashed and goes back does
    that once, two that work side by side do it batch by batch.
    """

    executions: Table
    stretches: int

    def to_json(self) -> dict[str, Any]:
        """As the value of an event."""
        return {"executions": self.executions, "stretches": self.stretches}


def read_effects(path: Path) -> Effects | None:
    """All effects; None without a ledger.

    Raises SubjectError for a line, other than a torn last one, that is not as described above.
    """
    if not path.exists():
        return None
    times: Counter[tuple[str, str]] = Counter()
    stretches, again = 0, False
    lines = path.read_text(encoding="utf-8", errors="replace").split("\n")
    for number, line in enumerate(lines, start=1):
        if not line or number == len(lines):
            continue
        try:
            entry = json.loads(line)
            effect = (str(entry["task"])[:_LONGEST_NAME], str(entry["record"])[:_LONGEST_NAME])
        except (ValueError, KeyError, TypeError) as error:
            raise SubjectError(
                f"line {number} of the ledger is not {{'task': ..., 'record': ...}} as JSON: {line[:_LONGEST_NAME]!r}"
            ) from error
        stretches += effect in times and not again
        again = effect in times
        times[effect] += 1
    return Effects(Table.of(((task, record, n) for (task, record), n in times.items()), width=3), stretches)
