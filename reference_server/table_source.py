"""A SQLite table as a source: read from a cursor on.

Values keep their kind: TEXT, INTEGER, REAL and NULL are JSON's own, and a BLOB is ``{"base64": "..."}``, as is a TEXT
that is not UTF-8. What JSON cannot hold, such as an infinite number, is refused and never bent.

The file read may be in use by other programs, which SQLite's locks keep apart from us; nothing is ever written to it.
"""

from __future__ import annotations

import base64
import hashlib
import math
import os
import reprlib
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reference_server import limits
from reference_server.errors import Refusal
from reference_server.sources import Record, using
from reference_server.sqlite_terms import SMALLEST_INTEGER, Value, primary_code, quoted

_LONGEST_VALUE_BYTES = 1 << 20
_FINGERPRINT_BYTES = 1 << 16
_LOCK_WAIT_S = 1.0
_ROWID_NAMES = ("rowid", "_rowid_", "oid")

# POSIX drops all locks of a process on a file as soon as the process closes any descriptor of it, and a fingerprint
# opens and closes the file that another task may just be reading: see https://sqlite.org/howtocorrupt.html, 2.2.
_ONE_AT_A_TIME = threading.Lock()

# What SQLite's errors mean to whoever named the file. Others are not the request's trouble, and come through.
_ADVICE = {
    sqlite3.SQLITE_NOTADB: "is not a SQLite database, or is encrypted",
    sqlite3.SQLITE_CORRUPT: "is damaged: 'sqlite3 FILE .recover' may save what it holds",
    sqlite3.SQLITE_CANTOPEN: "cannot be opened",
    sqlite3.SQLITE_READONLY: "was left in the middle of a transaction: open it once with 'sqlite3 FILE .tables'",
    sqlite3.SQLITE_TOOBIG: f"has a value of more than {_LONGEST_VALUE_BYTES} bytes",
    sqlite3.SQLITE_ERROR: "cannot be read",
    0: "has a table or a column whose name is not UTF-8: rename it",
}


@dataclass(frozen=True, slots=True)
class Table:
    """A Source: the rows of a table, or of the only one, in a SQLite file, in the order of their rowids.

    The cursor is the last row's rowid; 0 stands for the beginning. As rowids may be 0 or less, those are one less in
    the cursor.
    """

    path: Path
    table: str | None = None

    def read(self, cursor: int, count: int) -> tuple[list[Record], int]:
        """See Source: searched by rowid, so that a batch costs the same at the end of a table as at its beginning."""
        with _opened(self.path) as connection:
            rowid, table = self._names(connection)
            connection.text_factory = _text
            rows = connection.execute(
                f"SELECT {rowid}, * FROM {table} WHERE {rowid} > ? ORDER BY {rowid} LIMIT ?", (_rowid(cursor), count)
            )
            fields = [column[0] for column in rows.description[1:]]
            records: list[Record] = []
            size = 0
            for last, *values in rows:
                records.append({name: self._json(value, name) for name, value in zip(fields, values, strict=True)})
                cursor = self._cursor(last)
                size += sum(len(value) for value in values if isinstance(value, str | bytes))
                if size >= limits.LARGEST_READ_BYTES:
                    break
        return records, cursor

    def fingerprint(self) -> str:
        """See Source. Also changes when another program tidies its write-ahead log away; only reading never does it.

        SQLite counts the changes in the first page, except those in the write-ahead log, which grows by them.
        """
        with _ONE_AT_A_TIME, using(self.path.name), self.path.open("rb") as file:
            start = hashlib.sha256(file.read(_FINGERPRINT_BYTES)).hexdigest()
            status = os.fstat(file.fileno())
        return f"{status.st_size}-{status.st_mtime_ns}-{start[:16]}-{_log_state(self.path)}"

    def _names(self, connection: sqlite3.Connection) -> tuple[str, str]:
        """The rowid's name and the table's, as SQL has them; raises Refusal."""
        table, keyed = self._table(connection)
        columns = {name.lower() for (name,) in connection.execute("SELECT name FROM pragma_table_xinfo(?)", (table,))}
        rowid = next((name for name in _ROWID_NAMES if name not in columns), None)
        if keyed or rowid is None:
            raise Refusal(
                f"{self.path.name}: the table {table!r} has no rowid to go on from after a crash; copy it with "
                f"'CREATE TABLE copy AS SELECT * FROM {quoted(table)}', renaming columns that are called rowid, and "
                f"name the copy"
            )
        return rowid, quoted(table)

    def _table(self, connection: sqlite3.Connection) -> tuple[str, bool]:
        """The table that is meant, and whether it is WITHOUT ROWID; raises Refusal."""
        found = dict(
            connection.execute(
                "SELECT name, wr FROM pragma_table_list WHERE schema = 'main' AND type = 'table' "
                "AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name"
            )
        )
        if not found:
            raise Refusal(f"{self.path.name} has no tables: name a database that has one")
        if self.table is None and len(found) > 1:
            raise Refusal(f"{self.path.name} has several tables, name one of them: {reprlib.repr(list(found))}")
        table = next(iter(found)) if self.table is None else self.table
        if table not in found:
            raise Refusal(f"{self.path.name} has no table {table!r}: name one of {reprlib.repr(list(found))}")
        return table, bool(found[table])

    def _json(self, value: Value, field: str) -> Any:
        if isinstance(value, bytes):
            return {"base64": base64.b64encode(value).decode()}
        if isinstance(value, float) and not math.isfinite(value):
            raise Refusal(f"{self.path.name}: {field!r} is infinite in a row, and JSON has no such number")
        return value

    def _cursor(self, rowid: int) -> int:
        if rowid == SMALLEST_INTEGER:
            raise Refusal(f"{self.path.name}: a row has the rowid {rowid}, and no 64-bit cursor is left for it")
        return rowid if rowid > 0 else rowid - 1


def _rowid(cursor: int) -> float:
    """The last rowid read, or what is less than any of them: no integer is."""
    if cursor == 0:
        return -math.inf
    return cursor if cursor > 0 else cursor + 1


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    """The file, for reading only and in one snapshot; raises Refusal where the file is to blame."""
    address = f"{path.absolute().as_uri()}?mode=ro"
    with (
        _ONE_AT_A_TIME,
        _blaming(path.name),
        closing(sqlite3.connect(address, uri=True, timeout=_LOCK_WAIT_S, isolation_level=None)) as connection,
    ):
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LONGEST_VALUE_BYTES)
        # The file may be anybody's, and its schema must not call functions with effects.
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.execute("BEGIN")
        yield connection


@contextmanager
def _blaming(name: str) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        advice = _ADVICE.get(primary_code(error))
        if advice is None:
            raise
        raise Refusal(f"{name} {advice} ({error})") from None


def _text(content: bytes) -> str | bytes:
    try:
        return content.decode()
    except UnicodeDecodeError:
        return content


def _log_state(path: Path) -> str:
    """The write-ahead log beside a database. An empty one is the same as none: reading may leave it behind."""
    try:
        status = path.with_name(f"{path.name}-wal").lstat()
    except FileNotFoundError:
        return "0"
    return f"{status.st_size}-{status.st_mtime_ns}" if status.st_size else "0"
