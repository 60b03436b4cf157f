"""Where records come from: JSON lines, CSV, or the Unicode character database; read from a cursor on.

A cursor is a number that says where the next record begins: a byte offset in a file, a code point in the database. It
is stored with each batch, so that the next life goes on exactly there and reads nothing twice.
"""

from __future__ import annotations

import csv
import errno
import hashlib
import itertools
import json
import os
import sys
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from reference_server.errors import Refusal

Record = dict[str, Any]
_LONGEST_LINE_BYTES = 1 << 20
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
        """At most ``count`` records from the cursor on, and the cursor behind them."""

    def fingerprint(self) -> str:
        """Changes when the source is not what it was."""


@dataclass(frozen=True, slots=True)
class JsonLines:
    """A file with one JSON value a line; a value that is no object becomes ``{"value": ...}``."""

    path: Path

    def read(self, cursor: int, count: int) -> tuple[list[Record], int]:
        """See Source."""
        records: list[Record] = []
        with using(self.path.name), self.path.open("rb") as file:
            file.seek(cursor)
            while len(records) < count and (line := _line(file)):
                cursor += len(line)
                if line.strip():
                    records.append(self._record(line, cursor))
        return records, cursor

    def _record(self, line: bytes, end: int) -> Record:
        try:
            value = json.loads(line)
        except ValueError:
            raise Refusal(f"{self.path.name}: the line that ends at byte {end} is not JSON") from None
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
        with using(self.path.name), self.path.open("rb") as file:
            consumed = [0]
            names = next(csv.reader(_lines(file, consumed)), [])
            if cursor:
                consumed[0] = cursor
                file.seek(cursor)
            rows = csv.reader(_lines(file, consumed))
            records = []
            for row in itertools.islice((row for row in rows if row), count):
                if len(row) != len(names):
                    raise Refusal(
                        f"{self.path.name}: the record that ends at byte {consumed[0]} has {len(row)} fields, "
                        f"the header has {len(names)}"
                    )
                records.append(dict(zip(names, row, strict=True)))
                cursor = consumed[0]
        return records, cursor

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


def _line(file: BinaryIO) -> bytes:
    line = file.readline(_LONGEST_LINE_BYTES + 1)
    if len(line) > _LONGEST_LINE_BYTES:
        raise Refusal(f"a line has more than {_LONGEST_LINE_BYTES} bytes")
    return line


def _lines(file: BinaryIO, consumed: list[int]) -> Iterator[str]:
    """Lines as text; ``consumed`` counts the bytes of those that were taken."""
    while line := _line(file):
        consumed[0] += len(line)
        yield line.decode("utf-8", errors="replace")


def _fingerprint(path: Path) -> str:
    with using(path.name), path.open("rb") as file:
        start = hashlib.sha256(file.read(_FINGERPRINT_BYTES)).hexdigest()
        status = os.fstat(file.fileno())
    return f"{status.st_size}-{status.st_mtime_ns}-{start[:16]}"
