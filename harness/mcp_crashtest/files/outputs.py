"""Final outputs that stand in a file: JSON, JSON lines, CSV or TSV, or a SQLite database.

They are read at the moment at which the job says that it is done. A database is copied first, with its write-ahead
log, and the copy is asked: the subject may be at it.
"""

from __future__ import annotations

import csv
import io
import json
import shutil
import sqlite3
import tempfile
from collections.abc import Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from mcp_crashtest.model.errors import SubjectError

_SEPARATORS = {".csv": ",", ".tsv": "\t"}
_JOURNAL = "-wal"
_ATTEMPTS = 5
_MOST_NEIGHBOURS = 12


def read_document(path: Path) -> Any:
    """What a file holds: a list of records, or the document of a ``.json`` file; raises SubjectError."""
    try:
        text = path.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError as error:
        raise SubjectError(f"the job says it is done, and its output cannot be read: {error}") from error
    return parse_document(text, path.suffix)


def parse_document(text: str, suffix: str) -> Any:
    """A ``.json`` file is one document; ``.csv`` and ``.tsv`` have a header; anything else is JSON lines.

    A line that is torn is a record called by its text.
    """
    if suffix in _SEPARATORS:
        return _rows(text, _SEPARATORS[suffix])
    if suffix == ".json":
        with suppress(ValueError, RecursionError):
            return json.loads(text)
    records: list[Any] = []
    for line in text.splitlines():
        try:
            records.append(json.loads(line))
        except (ValueError, RecursionError):
            records.append({"torn": line})
    return records


def _rows(text: str, separator: str) -> list[Any]:
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=separator, restkey="(beyond the header)")
    try:
        return list(reader)
    except csv.Error as error:
        raise SubjectError(f"the job says it is done, and its output is no table: {error}") from error


def neighbours(path: Path) -> list[str]:
    """What stands where a file was looked for: in its folder, or in the nearest one that there is."""
    folder = next((parent for parent in path.parents if parent.is_dir()), path.parent)
    try:
        names = sorted(str(found.relative_to(folder)) for found in folder.iterdir())
    except OSError:
        return []
    return names[:_MOST_NEIGHBOURS]


def read_rows(database: Path, query: str, parameters: Sequence[Any] = ()) -> list[dict[str, Any]]:
    """The rows that a query finds in a copy of a SQLite database; raises SubjectError."""
    if not database.exists():
        raise SubjectError(f"the job says it is done, and there is no database {database}")
    with tempfile.TemporaryDirectory(prefix="crashtest-") as folder:
        copy = Path(folder) / "copy.db"
        try:
            _copy(database, copy)
            with closing(sqlite3.connect(copy)) as connection:
                connection.row_factory = sqlite3.Row
                return [dict(row) for row in connection.execute(query, tuple(parameters))]
        except (OSError, sqlite3.Error) as error:
            raise SubjectError(f"the query {query!r} on a copy of {database.name} fails: {error}") from error


def _copy(database: Path, copy: Path) -> None:
    """Copy a database and its log; once more where it has changed meanwhile, because the two belong together."""
    for _ in range(_ATTEMPTS):
        before = _version(database)
        shutil.copyfile(database, copy)
        log = copy.with_name(copy.name + _JOURNAL)
        log.unlink(missing_ok=True)
        with suppress(FileNotFoundError):
            shutil.copyfile(database.with_name(database.name + _JOURNAL), log)
        if _version(database) == before:
            return


def _version(database: Path) -> list[tuple[int, int]]:
    found = []
    for path in (database, database.with_name(database.name + _JOURNAL)):
        with suppress(FileNotFoundError):
            stat = path.stat()
            found.append((stat.st_mtime_ns, stat.st_size))
    return found
