"""Records as the only table of a new SQLite file: equal records give equal bytes.

The first record's fields are the columns. Values are what a table source reads: a ``{"base64": "..."}`` becomes a BLOB
again. JSON has more kinds than SQLite: true and false become 1 and 0, other arrays and objects their JSON text. What a
table cannot hold, such as an integer of more than 64 bits, is refused and never bent.
"""

from __future__ import annotations

import base64
import binascii
import itertools
import json
import math
import os
import reprlib
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from reference_server.errors import Refusal
from reference_server.sources import Record
from reference_server.sqlite_terms import LARGEST_INTEGER, SMALLEST_INTEGER, Value, is_unicode, primary_code, quoted

_LONGEST_PATH_BYTES = 512  # SQLite's own bound, MAX_PATHNAME; the file system's is larger


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
    except BaseException as error:
        path.unlink(missing_ok=True)
        if isinstance(error, sqlite3.OperationalError) and _is_too_long(path, error):
            raise Refusal(
                f"a SQLite file's path has at most {_LONGEST_PATH_BYTES} bytes, with that of the data root: give a "
                f"shorter destination, or migrate to .jsonl instead"
            ) from None
        raise


def _is_too_long(path: Path, error: sqlite3.OperationalError) -> bool:
    """Whether a file could be made here, and SQLite cannot open it for the length of its path."""
    too_long = len(os.fsencode(path)) >= _LONGEST_PATH_BYTES
    return too_long and primary_code(error) == sqlite3.SQLITE_CANTOPEN


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
    connection.executemany(f"INSERT INTO {quoted(table)} VALUES ({marks})", _rows(record, bodies))
    connection.execute("COMMIT")


def _create(connection: sqlite3.Connection, table: str, columns: list[str]) -> None:
    """The table, whose columns have no type: SQLite would bend the values to it, as the text 007 to the number 7."""
    if not table or not columns:
        raise Refusal("a table needs a name, and records with at least one field")
    try:
        connection.execute(f"CREATE TABLE {quoted(table)} ({', '.join(map(quoted, columns))})")
    except sqlite3.OperationalError as error:
        if primary_code(error) != sqlite3.SQLITE_ERROR:
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
        case int() if not SMALLEST_INTEGER <= value <= LARGEST_INTEGER:
            fault = "an integer of more than 64 bits: write it as a text"
        case float() if not math.isfinite(value):
            fault = "no finite number"
        case str() if not is_unicode(value):
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
