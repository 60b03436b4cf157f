"""Where records come from: JSON lines, CSV, or the Unicode character database; read from a cursor on.

A cursor is a number that says where the next record begins: a byte offset in a file, a code point in the database. It
is stored with each batch, so that the next life goes on exactly there and reads nothing twice.

What a file holds is anybody's: a line, a record and a read have a longest length, and what cannot be passed on as JSON
is refused with its place.
"""

from __future__ import annotations

import csv
import errno
import hashlib
import os
import sys
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from reference_server import json_values, limits
from reference_server.errors import Refusal

Record = dict[str, Any]
_LONGEST_LINE_BYTES = 1 << 20
_MOST_EMPTY_BYTES = 1 << 17
csv.field_size_limit(_LONGEST_LINE_BYTES)  # Python's own is an eighth of it
_FINGERPRINT_BYTES = 1 << 16
# What is wrong with a path itself, or with who may use it, fails its task: waiting does not mend it. All else may pass,
# and the task waits: no room (ENOSPC, EDQUOT, EFBIG), a disk that is broken, or read-only since it broke (EIO, EROFS),
# too much that is open (EMFILE, ENFILE). None stands for the system's own words.
_PERMANENT: dict[int, str | None] = {
    errno.ENOENT: None,
    errno.EACCES: None,
    errno.EPERM: None,
    errno.EISDIR: "it is a folder",
    errno.ENOTDIR: "a part of its path is a file, and would have to be a folder",
    errno.EEXIST: "a part of its path is a file, and would have to be a folder",  # what mkdir says
    errno.ENAMETOOLONG: "a name in its path is too long for this file system",
    errno.EILSEQ: "a name in its path has characters that this file system does not take",
    errno.ELOOP: "the links in its path lead in a circle",
}
_UNASSIGNED = frozenset({"Cn", "Cs", "Co"})


class Source(Protocol):
    """Records in a fixed order."""

    def read(self, cursor: int, count: int) -> tuple[list[Record], int]:
        """At most ``count`` records from the cursor on, and the cursor behind them; none when there are no more.

        Fewer where they would have more than ``limits.LARGEST_READ_BYTES``, always as many for the same cursor.
        """

    def fingerprint(self) -> str:
        """Changes when the source is not what it was."""


@dataclass(frozen=True, slots=True)
class JsonLines:
    """A file with one JSON value a line; a value that is no object becomes ``{"value": ...}``."""

    path: Path

    def read(self, cursor: int, count: int) -> tuple[list[Record], int]:
        """See Source."""
        records: list[Record] = []
        end, empty = cursor + limits.LARGEST_READ_BYTES, 0
        with using(self.path.name), self.path.open("rb") as file:
            file.seek(cursor)
            while len(records) < count and cursor < end and (line := _line(file, self.path.name)):
                cursor += len(line)
                if line.strip():
                    records.append(self._record(line, cursor))
                    empty = 0
                elif (empty := empty + len(line)) > _MOST_EMPTY_BYTES:
                    raise _emptiness(self.path.name, cursor)
        return records, cursor

    def _record(self, line: bytes, end: int) -> Record:
        try:
            value = json_values.parsed(line)
        except json_values.Unfit as error:
            raise Refusal(f"{self.path.name}: the line that ends at byte {end} {error}") from None
        return value if isinstance(value, dict) else {"value": value}

    def fingerprint(self) -> str:
        """See Source."""
        return _fingerprint(self.path)


@dataclass(frozen=True, slots=True)
class Csv:
    """A CSV file with a header; a field in quotes may hold line ends."""

    path: Path

    def read(self, cursor: int, count: int) -> tuple[list[Record], int]:
        """See Source. The cursor 0 stands for the first record, behind the header."""
        records: list[Record] = []
        end = cursor + limits.LARGEST_READ_BYTES
        with using(self.path.name), self.path.open("rb") as file:
            lines = _Lines(file, self.path.name)
            names = self._names(lines)
            if cursor:
                lines.go_to(cursor)
            for row in self._rows(lines):
                if len(row) != len(names):
                    raise Refusal(
                        f"{self.path.name}: the record that ends at byte {lines.taken} has {len(row)} fields, "
                        f"the header has {len(names)}"
                    )
                records.append(dict(zip(names, row, strict=True)))
                cursor = lines.taken
                if len(records) >= count or cursor >= end:
                    break
        return records, cursor

    def _names(self, lines: _Lines) -> list[str]:
        """The header; raises Refusal for one with which a record would lose a field."""
        names = next(self._rows(lines), [])
        twice = next((name for name in names if names.count(name) > 1), None) if len(set(names)) < len(names) else None
        if twice is not None:
            raise Refusal(f"{self.path.name}: the header has the field {twice[:40]!r} twice: rename one of them")
        return names

    def _rows(self, lines: _Lines) -> Iterator[list[str]]:
        rows, begun = csv.reader(lines), lines.taken
        while True:
            lines.begin_record()
            try:
                row = next(rows, None)
            except csv.Error as error:
                raise Refusal(f"{self.path.name}: no CSV can be read before byte {lines.taken}: {error}") from None
            if row is None:
                return
            if row:
                yield row
                begun = lines.taken
            elif lines.taken - begun > _MOST_EMPTY_BYTES:
                raise _emptiness(self.path.name, lines.taken)

    def fingerprint(self) -> str:
        """See Source."""
        return _fingerprint(self.path)


@dataclass(frozen=True, slots=True)
class UnicodeCharacters:
    """The assigned characters of Python's Unicode database, in the order of their code points."""

    def read(self, cursor: int, count: int) -> tuple[list[Record], int]:
        """See Source."""
        records: list[Record] = []
        while len(records) < count and cursor <= sys.maxunicode:
            character = chr(cursor)
            if unicodedata.category(character) not in _UNASSIGNED:
                name = unicodedata.name(character, "")
                records.append({"code_point": f"U+{cursor:04X}", "character": character, "name": name})
            cursor += 1
        return records, cursor

    def fingerprint(self) -> str:
        """See Source."""
        return unicodedata.unidata_version


def check_unchanged(source: Source, name: str, fingerprint: str) -> None:
    """Raises Refusal when a source is not what it was when its task was submitted."""
    if source.fingerprint() != fingerprint:
        raise Refusal(f"{name} has changed since the task began, and its records no longer belong together: start anew")


@contextmanager
def using(name: str) -> Iterator[None]:
    """A file that cannot be, or may not be used, is the request's trouble; a full disk is not, and comes through.

    ``name`` is what the client calls it. Raises Refusal for an error that does not pass.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in _PERMANENT:
            raise
        raise Refusal(f"{name} cannot be used: {_PERMANENT[error.errno] or error.strerror}") from None


def _emptiness(name: str, end: int) -> Refusal:
    return Refusal(f"{name}: before byte {end} there are more than {_MOST_EMPTY_BYTES} bytes of empty lines")


def _line(file: BinaryIO, name: str) -> bytes:
    line = file.readline(_LONGEST_LINE_BYTES + 1)
    if len(line) > _LONGEST_LINE_BYTES:
        raise Refusal(f"{name}: a line has more than {_LONGEST_LINE_BYTES} bytes")
    return line


class _Lines:
    """Lines of a file as text. ``taken`` counts the bytes up to the end of the last one."""

    def __init__(self, file: BinaryIO, name: str) -> None:
        self._file = file
        self._name = name
        self.taken = 0
        self._record_at = 0

    def go_to(self, cursor: int) -> None:
        """Go on from there."""
        self._file.seek(cursor)
        self.taken = cursor

    def begin_record(self) -> None:
        """What is taken from now on is one record, until the next begins."""
        self._record_at = self.taken

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = _line(self._file, self._name)
        if not line:
            raise StopIteration
        self.taken += len(line)
        if self.taken - self._record_at > _LONGEST_LINE_BYTES:
            raise Refusal(
                f"{self._name}: the record at byte {self._record_at} has more than {_LONGEST_LINE_BYTES} bytes"
            )
        return line.decode("utf-8", errors="replace")


def _fingerprint(path: Path) -> str:
    with using(path.name), path.open("rb") as file:
        start = hashlib.sha256(file.read(_FINGERPRINT_BYTES)).hexdigest()
        status = os.fstat(file.fileno())
    return f"{status.st_size}-{status.st_mtime_ns}-{start[:16]}"
