"""The lines of a ledger in their order, for whoever tells a run: bounded, and forgiving where a checker is strict."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from mcp_crashtest.files.ledger import USUAL
from mcp_crashtest.model.observe_spec import LedgerSpec
from mcp_crashtest.model.paths import find
from mcp_crashtest.model.secrets import masked

_LONGEST_NAME = 200
Stamp = Sequence[float]


def in_order(
    path: Path, names: LedgerSpec = USUAL, *, most: int, seen: Sequence[Stamp] = ()
) -> list[tuple[str, str, float | None]] | None:
    """Task, record and when the lab had seen it, line by line; None without a ledger, or with more than ``most`` lines.

    ``seen`` are pairs of how many lines were there, and by which second of the run. Torn lines are left out.
    """
    if not path.exists():
        return None
    found: list[tuple[str, str, float | None]] = []
    stamps = iter(sorted((int(lines), float(at)) for lines, at in seen))
    stamp = next(stamps, None)
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if number > most:
                return None
            while stamp is not None and stamp[0] < number:
                stamp = next(stamps, None)
            found += ((*named, stamp[1] if stamp else None) for named in _named(line, names))
    return found


def _named(line: bytes, names: LedgerSpec) -> Iterator[tuple[str, str]]:
    if not line.endswith(b"\n"):
        return
    try:
        entry = json.loads(line)
        task = find(entry, names.task) if names.task else ""
        record = find(entry, names.record)
    except (ValueError, RecursionError):
        return
    if record is not None:
        yield masked(str(task))[:_LONGEST_NAME], masked(str(record))[:_LONGEST_NAME]
