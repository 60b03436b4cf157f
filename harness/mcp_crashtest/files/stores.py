"""What lies in a folder that a server keeps its store in: SQLite databases by their first bytes, files by their names.

A database is copied first, with its write-ahead log: its server is at it. All of it is bounded, and what cannot be
read is left out.
"""

from __future__ import annotations

import itertools
import os
import sqlite3
import tempfile
from collections.abc import Collection, Iterator
from contextlib import closing, suppress
from pathlib import Path

from mcp_crashtest.files.outputs import copied, each_record, holds_lines, read_document
from mcp_crashtest.model.errors import SubjectError
from mcp_crashtest.model.stored import Stored, StoredFile, StoredTable

_MAGIC = b"SQLite format 3\0"
_DOCUMENTS = frozenset({".json", ".jsonl", ".ndjson", ".csv", ".tsv"})
_MOST_FILES, _LARGEST_BYTES, _MOST_TABLES, _MOST_ROWS = 300, 32 << 20, 50, 5000


def stored_in(folder: Path, called: str, only: Collection[str] | None = None) -> list[Stored]:
    """The tables and documents below a folder, which a profile calls ``called``, as in ``{state_dir}``.

    ``only`` are the files that are of interest there; None: all.
    """
    found: list[Stored] = []
    paths = _files(folder) if only is None else (folder / name for name in sorted(only))
    for path in itertools.islice(paths, _MOST_FILES):
        name = f"{called}/{path.relative_to(folder)}"
        if "{" in name.removeprefix(called):
            continue  # no placeholder of ours
        with suppress(OSError, SubjectError, sqlite3.Error, UnicodeError):
            if path.stat().st_size > _LARGEST_BYTES:
                continue
            if is_database(path):
                found += _tables(path, name)
            elif path.suffix in _DOCUMENTS:
                lines = itertools.islice(each_record(path), _MOST_ROWS + 1) if holds_lines(path) else None
                found.append(StoredFile(name, list(lines) if lines is not None else read_document(path)))
    return found


def _files(folder: Path) -> Iterator[Path]:
    for place, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            path = Path(place, name)
            if path.is_file() and not path.is_symlink():
                yield path


def is_database(path: Path) -> bool:
    """Whether a file begins as a SQLite database does. Raises OSError."""
    with path.open("rb") as file:
        return file.read(len(_MAGIC)) == _MAGIC


def _tables(path: Path, name: str) -> Iterator[StoredTable]:
    with tempfile.TemporaryDirectory(prefix="crashtest-") as folder:
        copy = Path(folder) / "copy.db"
        copied(path, copy)
        with closing(sqlite3.connect(copy)) as connection:
            connection.row_factory = sqlite3.Row
            named = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name").fetchall()
            for (table,) in named[:_MOST_TABLES]:
                if not table.startswith("sqlite_"):
                    with suppress(sqlite3.Error):
                        yield _table(connection, name, table)


def _table(connection: sqlite3.Connection, file: str, table: str) -> StoredTable:
    quoted = '"{}"'.format(table.replace('"', '""'))
    keys = [column for column in connection.execute(f"PRAGMA table_info({quoted})") if column["pk"]]
    counter = keys[0]["name"] if len(keys) == 1 and keys[0]["type"].upper() == "INTEGER" else None
    rows = connection.execute(f"SELECT * FROM {quoted} LIMIT {_MOST_ROWS + 1}")
    return StoredTable(file, table, [dict(row) for row in rows], counter)
