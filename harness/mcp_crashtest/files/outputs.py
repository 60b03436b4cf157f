"""Final outputs that stand in a file: JSON, JSON lines, CSV or TSV, or a SQLite database.

They are read at the moment at which the job says that it is done. A database is copied first, with its write-ahead
log, and the copy is asked: the subject may be at it.
"""

from __future__ import annotations

import csv
import json
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, TextIO

from mcp_crashtest.model.errors import SubjectError

_SEPARATORS = {".csv": ",", ".tsv": "\t"}
_DOCUMENT = ".json"
_JOURNAL = "-wal"
_ATTEMPTS = 5
_MOST_NEIGHBOURS = 12


def read_document(path: Path) -> Any:
    """What a file holds, whole: the document of a ``.json`` file, or a list of records; raises SubjectError."""
    if path.suffix == _DOCUMENT:
        with _said(path), suppress(ValueError, RecursionError):
            return json.loads(path.read_text(encoding="utf-8", errors="surrogateescape"))
    return list(each_record(path))


def holds_lines(path: Path) -> bool:
    """Whether a file holds a record a line, which can be read one by one."""
    return path.suffix != _DOCUMENT


def each_record(path: Path) -> Iterator[Any]:
    """A file's records, one by one: ``.csv`` and ``.tsv`` have a header; anything else is JSON lines.

    A line that is torn is a record called by its text. Raises SubjectError.
    """
    with _said(path), path.open(encoding="utf-8", errors="surrogateescape", newline="") as file:
        if path.suffix in _SEPARATORS:
            yield from csv.DictReader(file, delimiter=_SEPARATORS[path.suffix], restkey="(beyond the header)")
        else:
            yield from (record_in(line) for line in _lines(file))


def _lines(file: TextIO) -> Iterator[str]:
    """Without what ends them: LF, or CR LF. What else breaks a line in a text may stand within JSON."""
    return (line.removesuffix("\n").removesuffix("\r") for line in file)


def record_in(line: str) -> Any:
    """The record that stands in a line of JSON; a torn one is called by its text."""
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return {"torn": line}


@contextmanager
def _said(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise SubjectError(f"the job says it is done, and its output cannot be read: {error}") from error
    except csv.Error as error:
        raise SubjectError(f"the job says it is done, and its output {path.name} is no table: {error}") from error


def neighbours(path: Path) -> list[str]:
    """What stands where a file was looked for: in its folder, or in the nearest one that there is."""
    folder = next((parent for parent in path.parents if parent.is_dir()), path.parent)
    try:
        names = sorted(str(found.relative_to(folder)) for found in folder.iterdir())
    except OSError:
        return []
    return names[:_MOST_NEIGHBOURS]


def each_row(database: Path, query: str, parameters: Sequence[Any] = ()) -> Iterator[dict[str, Any]]:
    """The rows that a query finds in a copy of a SQLite database, one by one; raises SubjectError."""
    if not database.exists():
        raise SubjectError(f"the job says it is done, and there is no database {database}")
    with tempfile.TemporaryDirectory(prefix="crashtest-") as folder:
        copy = Path(folder) / "copy.db"
        try:
            copied(database, copy)
            with closing(sqlite3.connect(copy)) as connection:
                connection.row_factory = sqlite3.Row
                yield from map(dict, connection.execute(query, tuple(parameters)))
        except (OSError, sqlite3.Error) as error:
            raise SubjectError(f"the query {query!r} on a copy of {database.name} fails: {error}") from error


def copied(database: Path, copy: Path) -> None:
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
