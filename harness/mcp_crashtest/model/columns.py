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
from itertools import chain, zip_longest
from typing import Any

from mcp_crashtest.model.column import Column, encoded, parts
from mcp_crashtest.model.errors import UsageError

COLUMNS_FORMAT = 1
_DIGEST_LETTERS = 32


@dataclass(frozen=True)
class Table:
    """Rows of equal width. Iterating gives them as tuples, one by one."""

    columns: tuple[Column, ...]

    @classmethod
    def of(cls, rows: Iterable[Sequence[Any]], width: int) -> Table:
        """From rows, which are taken one by one; raises ValueError where one has another width."""
        columns: list[list[str]] = [[] for _ in range(width)]
        for part in parts(rows):
            for row in part:
                if len(row) != width:
                    raise ValueError(f"expected rows of {width} values, found {len(row)}")
            for growing, values in zip(columns, zip(*part, strict=True), strict=True):
                growing.append(encoded(values))
        return cls(tuple(map(Column, columns)))

    @classmethod
    def joined(cls, parts: Sequence[Table], width: int) -> Table:
        """The rows of several tables of this width, one table behind the other."""
        return cls(tuple(Column.of(chain.from_iterable(part.columns[n] for part in parts)) for n in range(width)))

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        return zip(*self.columns, strict=True)

    def __len__(self) -> int:
        return len(self.columns[0])

    def pieces(self) -> Iterator[str]:
        """What stands in its file, piece by piece."""
        head = {"format": COLUMNS_FORMAT, "rows": len(self), "columns": len(self.columns)}
        yield encoded(head) + "\n"
        for values in self.columns:
            yield "["
            for number, part in enumerate(values.parts):
                yield ("," if number else "") + part[1:-1]
            yield "]\n"

    @cached_property
    def digest(self) -> str:
        """What names its file: hexadecimal digits of its text."""
        return digest_of(self.pieces())

    def reference(self) -> dict[str, Any]:
        """What stands for it in a history."""
        return {"columns": self.digest, "rows": len(self)}

    def apart(self, other: Table) -> tuple[Table, Table, Table]:
        """The rows of this table and of another that may differ, and those that both have at the same place.

        Part by part: rows among the first two may be equal all the same, those of the third are.
        """
        own, others = ([*zip(*(c.parts for c in table.columns), strict=True)] for table in (self, other))
        differing = [n for n, (one, two) in enumerate(zip_longest(own, others)) if one != two]
        shared = sorted(set(range(len(own))).difference(differing))
        mine, theirs = ([n for n in differing if n < len(some)] for some in (own, others))
        return self._at(mine), other._at(theirs), self._at(shared)

    def _at(self, numbers: Sequence[int]) -> Table:
        return Table(tuple(column.at(numbers) for column in self.columns))

    @classmethod
    def from_lines(cls, lines: Iterable[str]) -> Table:
        """Decode; raises UsageError for an unknown format or what cannot be read."""
        try:
            following = map(json.loads, lines)
            head: Any = next(following, {})
            if head["format"] != COLUMNS_FORMAT:
                raise UsageError(f"these columns have format {head['format']!r}; this version reads {COLUMNS_FORMAT}")
            columns = tuple(map(Column.of, following))
            if len(columns) != head["columns"] or any(len(values) != head["rows"] for values in columns):
                raise ValueError("it has another shape than its head says")
            return cls(columns)
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise UsageError(f"these columns cannot be read: {error!r}") from error


def as_table(rows: Table | Iterable[Sequence[Any]], width: int) -> Table:
    """Rows as they stand in a history: a table of this width as it is; raises ValueError for rows of another."""
    return rows if isinstance(rows, Table) and len(rows.columns) == width else Table.of(rows, width)


def digest_of(pieces: Iterable[str]) -> str:
    """The digest of a table's text."""
    seen = hashlib.sha256()
    for piece in pieces:
        seen.update(piece.encode())
    return seen.hexdigest()[:_DIGEST_LETTERS]


def referred(value: Any) -> str | None:
    """The digest of the table for which this value stands in a history; None where it is a value of its own."""
    if isinstance(value, Mapping) and set(value) == {"columns", "rows"} and isinstance(value["columns"], str):
        return value["columns"]
    return None
