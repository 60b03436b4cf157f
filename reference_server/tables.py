"""SQLite tables on both sides of a migration: read from a cursor on; written so that equal records give equal bytes.

Values keep their kind: TEXT, INTEGER, REAL and NULL are JSON's own, and a BLOB is ``{"base64": "..."}``, as is a TEXT
that is not UTF-8. The other way, JSON has more kinds: true and false become 1 and 0, other arrays and objects their
JSON text. What a side cannot hold, such as an infinite number, is refused and never bent.

The file read may be in use by other programs, which SQLite's locks keep apart from us; nothing is ever written to it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import itertools
import json
import math
import os
import reprlib
import sqlite3
import threading
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reference_server.errors import Refusal
from reference_server.sources import Record, using

Value = str | int | float | bytes | None

_LONGEST_VALUE_BYTES = 1 << 20
_FINGERPRINT_BYTES = 1 << 16
_LOCK_WAIT_S = 1.0
_SMALLEST_INTEGER, _LARGEST_INTEGER = -(1 << 63), (1 << 63) - 1
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
            for last, *values in rows:
                records.append({name: self._json(value, name) for name, value in zip(fields, values, strict=True)})
                cursor = self._cursor(last)
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
                f"'CREATE TABLE copy AS SELECT * FROM {_quoted(table)}', renaming columns that are called rowid, and "
                f"name the copy"
            )
        return rowid, _quoted(table)

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
        if rowid == _SMALLEST_INTEGER:
            raise Refusal(f"{self.path.name}: a row has the rowid {rowid}, and no 64-bit cursor is left for it")
        return rowid if rowid > 0 else rowid - 1


def write_table(path: Path, table: str, bodies: Iterable[str]) -> None:
    """Write records, each the JSON text of an object, as the only table of a new SQLite file, and flush it to the disk.

    ``path`` is the caller's own, a temporary one: what is there is replaced, and on an error nothing stays. Equal
    records give equal bytes, as long as SQLite itself is the same: each file names the version that wrote it. The
    memory needed does not grow with the records. Raises Refusal for records that do not fit a table, and OSError or
    sqlite3.OperationalError when the disk does not take it.
    """
    path.unlink(missing_ok=True)
    path.touch()
    try:
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            _fill(connection, table, iter(bodies))
        with path.open("rb") as file:
            os.fsync(file.fileno())
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def _fill(connection: sqlite3.Connection, table: str, bodies: Iterator[str]) -> None:
    """All records in one transaction, without a journal: a file cut off is written anew, and never repaired."""
    for setting in (
        "page_size = 4096",
        "encoding = 'UTF-8'",
        "auto_vacuum = NONE",
        "journal_mode = OFF",
        "synchronous = OFF",
        "secure_delete = ON",  # what is left over in a page is zeroed, and holds nothing of its past
    ):
        connection.execute(f"PRAGMA {setting}")
    first = next(bodies, None)
    if first is None:
        raise Refusal(
            "there are no records, and a table has the first one's fields as its columns: migrate to .jsonl instead"
        )
    record = _record(first, 0)
    columns = list(record)
    connection.execute("BEGIN")
    _create(connection, table, columns)
    marks = ", ".join("?" * len(columns))
    connection.executemany(f"INSERT INTO {_quoted(table)} VALUES ({marks})", _rows(record, bodies))
    connection.execute("COMMIT")


def _create(connection: sqlite3.Connection, table: str, columns: list[str]) -> None:
    """The table, whose columns have no type: SQLite would bend the values to it, as the text 007 to the number 7."""
    if not table or not columns:
        raise Refusal("a table needs a name, and records with at least one field")
    try:
        connection.execute(f"CREATE TABLE {_quoted(table)} ({', '.join(map(_quoted, columns))})")
    except sqlite3.OperationalError as error:
        if _primary_code(error) != sqlite3.SQLITE_ERROR:
            raise
        raise Refusal(f"these records do not fit a SQLite table: {error}; rename or leave out fields") from None


def _rows(first: Record, bodies: Iterator[str]) -> Iterator[list[Value]]:
    """The values of the first record and of all that follow, in the order of the first one's fields."""
    for position, record in enumerate(itertools.chain([first], map(_record, bodies, itertools.count(1)))):
        if record.keys() != first.keys():
            raise Refusal(
                f"a SQLite table needs the same fields in every record: {reprlib.repr(list(first))}, but record "
                f"{position} has {reprlib.repr(list(record))}"
            )
        yield [_value(record[field], field, position) for field in first]


def _record(body: str, position: int) -> Record:
    try:
        record = json.loads(body)
    except ValueError:
        raise Refusal(f"record {position} is not JSON") from None
    if not isinstance(record, dict):
        raise Refusal(f"record {position} is no JSON object, and a table needs fields")
    return record


def _value(value: Any, field: str, position: int) -> Value:
    """What SQLite stores for a JSON value; raises Refusal."""
    match value:
        case {"base64": str() as text} if len(value) == 1 and (content := _blob(text)) is not None:
            return content
        case dict() | list():
            return json.dumps(value)
        case int() if not _SMALLEST_INTEGER <= value <= _LARGEST_INTEGER:
            fault = "an integer of more than 64 bits: write it as a text"
        case float() if not math.isfinite(value):
            fault = "no finite number"
        case str() if not _is_unicode(value):
            fault = "a text with half a surrogate pair, which has no UTF-8"
        case _:
            scalar: Value = value
            return scalar
    raise Refusal(f"record {position} does not fit a SQLite table: {field!r} is {fault}")


def _blob(text: str) -> bytes | None:
    """The bytes, if ``text`` is their base64 exactly; other objects that look alike must come back as they were."""
    try:
        content = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return content if base64.b64encode(content).decode() == text else None


def _quoted(name: str) -> str:
    """A name in SQL; raises Refusal."""
    if "\0" in name or not _is_unicode(name):
        raise Refusal(f"{name!r} cannot name a table or a column in SQLite: use printable characters")
    return '"' + name.replace('"', '""') + '"'


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


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
        advice = _ADVICE.get(_primary_code(error))
        if advice is None:
            raise
        raise Refusal(f"{name} {advice} ({error})") from None


def _primary_code(error: sqlite3.Error) -> int:
    """SQLite's kind of error, without the details in the higher bits; 0 for what Python could not decode."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


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
