"""Rows kept by columns: the records of an output, the executions of a ledger, of which there may be a million.

A table is written to a file of its own, named by its digest: a header line, then a JSON array a column. The history
holds only the reference. Equal tables have equal bytes, so that many runs can share one file.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from mcp_crashtest.model.errors import UsageError

COLUMNS_FORMAT = 1
_DIGEST_LETTERS = 32


@dataclass(frozen=True)
class Table:
    """Rows of equal width. Iterating gives them as tuples, one by one."""

    columns: tuple[tuple[Any, ...], ...]

    @classmethod
    def of(cls, rows: Iterable[Sequence[Any]], width: int) -> Table:
        """From rows; raises ValueError where one has another width."""
        columns = tuple(zip(*rows, strict=True)) or ((),) * width
        if len(columns) != width:
            raise ValueError(f"expected rows of {width} values, found {len(columns)}")
        return cls(columns)

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        return zip(*self.columns, strict=True)

    def __len__(self) -> int:
        return len(self.columns[0])

    @cached_property
    def text(self) -> str:
        """What stands in its file."""
        head = {"format": COLUMNS_FORMAT, "rows": len(self), "columns": len(self.columns)}
        lines = (json.dumps(part, ensure_ascii=True, separators=(",", ":")) for part in (head, *self.columns))
        return "\n".join(lines) + "\n"

    @cached_property
    def digest(self) -> str:
        """What names its file: hexadecimal digits of its text."""
        return digest_of(self.text)

    def reference(self) -> dict[str, Any]:
        """What stands for it in a history."""
        return {"columns": self.digest, "rows": len(self)}

    @classmethod
    def from_text(cls, text: str) -> Table:
        """Decode; raises UsageError for an unknown format or what cannot be read."""
        try:
            head, *columns = (json.loads(line) for line in text.splitlines())
            if head["format"] != COLUMNS_FORMAT:
                raise UsageError(f"these columns have format {head['format']!r}; this version reads {COLUMNS_FORMAT}")
            if len(columns) != head["columns"] or any(len(column) != head["rows"] for column in columns):
                raise ValueError("it has another shape than its head says")
            return cls(tuple(map(tuple, columns)))
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise UsageError(f"these columns cannot be read: {error!r}") from error


def digest_of(text: str) -> str:
    """The digest of a table's text."""
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGEST_LETTERS]


def referred(value: Any) -> str | None:
    """The digest of the table for which this value stands in a history; None where it is a value of its own."""
    if isinstance(value, Mapping) and set(value) == {"columns", "rows"} and isinstance(value["columns"], str):
        return value["columns"]
    return None
