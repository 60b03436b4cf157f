"""Where status, progress, count and records stand in what a subject answers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any


class Unit(StrEnum):
    """What progress is counted in, where no total stands beside it."""

    RECORDS = "records"
    BATCHES = "batches"
    PERCENT = "percent"
    FRACTION = "fraction"


TOTALS = {Unit.PERCENT: 100.0, Unit.FRACTION: 1.0}
"""What the whole is in units of which there are always as many."""

_PERCENT = re.compile(r"(?:percent|percentage|pct)$", re.IGNORECASE)
_SOURCES = ("file", "resource", "tool", "sqlite", "postgres", "command")


@dataclass(frozen=True, slots=True)
class RecordsSpec:
    """Where the final output's records are found: behind a tool, a resource or in a file, or in the result itself.

    ``items`` is the path of the list within the document (not for line formats), ``next`` the path of what leads to
    the next page (a resource's URI, a tool's ``{next}``), ``key`` the path of a record's identity within the record.
    With ``sqlite``, a database file, or ``postgres``, how to reach one, the records are the rows of ``query``; with
    ``command`` what it writes to its standard output. All of them may hold placeholders: of the command, and names or
    paths in the document that says that the job is done.
    """

    key: str
    file: str | None = None
    resource: str | None = None
    tool: str | None = None
    arguments: Mapping[str, Any] = field(default_factory=dict)
    sqlite: str | None = None
    query: str | None = None
    postgres: str | None = None
    command: str | None = None
    items: str = "$"
    next: str | None = None

    @property
    def sources(self) -> Mapping[str, str]:
        """Where they are, but for the result itself: one of these, or none."""
        named = {name: getattr(self, name) for name in _SOURCES}
        return {name: where for name, where in named.items() if where is not None}


@dataclass(frozen=True, slots=True)
class LedgerSpec:
    """Where the lines of the ledger name a record and the task that it belongs to; None: there is one task."""

    record: str = "$.record"
    task: str | None = "$.task"


LEDGER_GROWTH = "{ledger}"
"""What stands for progress where the ledger's own growth is to be it."""

DEFAULT_PATHS = {"status": "$.status", "progress": "$.progress", "total": "$.total"}


@dataclass(frozen=True, slots=True)
class ObserveSpec:
    """Where status, progress, count and records stand in what the subject answers; None is what nobody has written.

    ``total`` may be a number too, for a total that is always the same. ``words`` are the subject's own words for a
    status, by ours: completed, failed, cancelled, and running for one that is no end. ``progress`` may be the ledger
    itself, as ``{ledger}``: its growth.
    """

    handle: str | None = None
    status: str | None = None
    progress: str | None = None
    total: str | float | None = None
    unit: Unit | None = None
    count: str | None = None
    words: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    records: RecordsSpec | None = None
    ledger: LedgerSpec | None = None

    def path(self, name: str) -> str:
        """The path of status, progress or total: the written one, or the usual one."""
        written = getattr(self, name)
        return written if isinstance(written, str) else DEFAULT_PATHS[name]

    @property
    def written(self) -> Mapping[str, str]:
        """The paths that somebody has written, by key; those within records apart."""
        named = {name: getattr(self, name) for name in ("handle", "status", "progress", "total", "count")}
        return {name: path for name, path in named.items() if isinstance(path, str) and path != LEDGER_GROWTH}


def of_size(observe: ObserveSpec, records: int, batch: int) -> ObserveSpec:
    """For a job of another size: progress in batches ends at as many as that has, the last one in part."""
    if observe.unit is not Unit.BATCHES or isinstance(observe.total, str):
        return observe
    return replace(observe, total=records / batch)


def constant_total(observe: ObserveSpec, records: int) -> float | None:
    """The total that the profile itself says; None where it has to be seen."""
    if isinstance(observe.total, int | float):
        return observe.total
    if observe.total is None and observe.unit is not None:
        return TOTALS.get(observe.unit, records)
    if observe.total is None and observe.progress is not None and _PERCENT.search(observe.progress):
        return TOTALS[Unit.PERCENT]
    return None
