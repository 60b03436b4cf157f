"""The ledger: effects outside the subject's own store, which show work that was done twice.

The subject appends one JSON line for each record that it executes: ``{"task": ..., "record": ..., "attempt": ...}``,
or with other names, where the profile says them.
The lab owns the file and reads it once the run is over. A last line torn by a kill is an effect that did not happen.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict, deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain, repeat
from pathlib import Path
from typing import Any

from mcp_crashtest.model.column import Column
from mcp_crashtest.model.columns import Table
from mcp_crashtest.model.errors import SubjectError
from mcp_crashtest.model.observe_spec import LedgerSpec
from mcp_crashtest.model.paths import find
from mcp_crashtest.model.secrets import masked

USUAL = LedgerSpec()
_THE_TASK = "the task"
_LONGEST_NAME = 200


@dataclass(frozen=True, slots=True)
class Effects:
    """What was executed: task, record and how often, task by task, in the order of first execution.

    ``stretches`` counts how often work on a task was done again and then something new of it, of the task of which that
    is most: a server that crashed and goes back does that once, two that work side by side do it batch by batch.
    """

    executions: Table
    stretches: int

    def to_json(self) -> dict[str, Any]:
        """As the value of an event."""
        return {"executions": self.executions, "stretches": self.stretches}


def read_effects(path: Path, names: LedgerSpec = USUAL) -> Effects | None:
    """All effects; None without a ledger. ``names`` say where a line names its task and its record.

    Raises SubjectError for a line, other than a torn last one, that is not as described above.
    """
    if not path.exists():
        return None
    times: defaultdict[str, Counter[str]] = defaultdict(Counter)
    stretches, again = Counter[str](), defaultdict[str, bool](bool)
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.endswith(b"\n") or line == b"\n":
                continue
            task, record = _effect(line, number, names)
            known = times[task][record] > 0
            stretches[task] += known and not again[task]
            again[task] = known
            times[task][record] += 1
    return Effects(_table(times), max(stretches.values(), default=0))


def read_lines(path: Path, names: LedgerSpec = USUAL, seen: Sequence[tuple[int, float]] = ()) -> Table:
    """Every whole line of a ledger, in order: task, record and ``seen_s``.

    ``seen`` is what the event of the effects says: how many lines were there by which second of the run. A line that
    was only seen at the end has None for it. Raises SubjectError as ``read_effects``, OSError where there is no ledger.
    """
    told = _Seconds(seen)
    with path.open("rb") as file:
        lines = ((number, line) for number, line in enumerate(file, start=1) if line.endswith(b"\n") and line != b"\n")
        return Table.of(((*_effect(line, number, names), told.of(number)) for number, line in lines), width=3)


def in_order(
    path: Path, names: LedgerSpec = USUAL, *, most: int, seen: Sequence[tuple[int, float]] = ()
) -> list[tuple[str, str, float | None]] | None:
    """The same for whoever tells a run: None without a ledger, or with more than ``most`` lines; a bad one is left out.

    Where lines name no task it is empty.
    """
    if not path.exists():
        return None
    told, found = _Seconds(seen), list[tuple[str, str, float | None]]()
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if number > most:
                return None
            if line.endswith(b"\n"):
                with suppress(SubjectError):
                    task, record = _effect(line, number, names)
                    found.append((task if names.task else "", record, told.of(number)))
    return found


class _Seconds:
    """By which second each line was there, for lines in order."""

    def __init__(self, seen: Sequence[tuple[int, float]]) -> None:
        self._seen = deque((int(lines), float(at)) for lines, at in seen)

    def of(self, number: int) -> float | None:
        """By when this line, counted from 1, was there; None where nobody had seen it then."""
        while self._seen and self._seen[0][0] < number:
            self._seen.popleft()
        return self._seen[0][1] if self._seen else None


def _effect(line: bytes, number: int, names: LedgerSpec) -> tuple[str, str]:
    text = line.decode(errors="replace")
    try:
        entry = json.loads(text)
        task = find(entry, names.task) if names.task else _THE_TASK
        record = find(entry, names.record)
        if task is None or record is None:
            raise ValueError(f"nothing at {names.record if task is not None else names.task}")
        return masked(str(task))[:_LONGEST_NAME], masked(str(record))[:_LONGEST_NAME]
    except (ValueError, RecursionError) as error:
        shown = masked(text.rstrip())[:_LONGEST_NAME]
        wanted = "{'task': ..., 'record': ...}" if names == USUAL else f"a record at {names.record}, of {names.task}"
        raise SubjectError(
            f"line {number} of the ledger is not {wanted} as JSON: {shown!r}; where its names are others, say them in "
            f'the profile: [observe] ledger = {{ task = "$.job", record = "$.key" }}'
        ) from error


def _table(times: Mapping[str, Counter[str]]) -> Table:
    """There may be a million rows: a task's name is held once, and no row by itself."""
    tasks = chain.from_iterable(repeat(task, len(records)) for task, records in times.items())
    records = chain.from_iterable(times.values())
    counts = chain.from_iterable(records.values() for records in times.values())
    return Table((Column.of(tasks), Column.of(records), Column.of(counts)))
