"""What a subject has left on the disk, as far as it can be read without knowing it: tables, and documents in files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class StoredTable:
    """A table of the SQLite database in ``file``, a name as a profile has it.

    ``counter`` is a column that the database itself counts up where nobody says its value (an INTEGER PRIMARY KEY).
    """

    file: str
    name: str
    rows: Sequence[Mapping[str, Any]]
    counter: str | None = None


@dataclass(frozen=True, slots=True)
class StoredFile:
    """The document in a file: of JSON what stands there, of lines (JSON, CSV, TSV) a list."""

    file: str
    document: Any


Stored = StoredTable | StoredFile
