"""What both sides of a migration must know of SQLite: its integers, its names, and its kinds of errors."""

from __future__ import annotations

import errno
import sqlite3

from reference_server.errors import Refusal

Value = str | int | float | bytes | None

SMALLEST_INTEGER, LARGEST_INTEGER = -(1 << 63), (1 << 63) - 1


def quoted(name: str) -> str:
    """A name in SQL; raises Refusal."""
    if "\0" in name or not is_unicode(name):
        raise Refusal(f"{name!r} cannot name a table or a column in SQLite: use printable characters")
    return '"' + name.replace('"', '""') + '"'


def is_unicode(text: str) -> bool:
    """Whether UTF-8 has it: a JSON text may have half a surrogate pair."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def primary_code(error: sqlite3.Error) -> int:
    """SQLite's kind of error, without the details in the higher bits; 0 for what Python could not decode."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


# The disk is full, broken or read-only, too much is open, or another process holds the file: it may pass, and neither
# the file nor its path is to blame.
_PASSING = frozenset(
    {
        *(sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY),
        *(sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PERM, sqlite3.SQLITE_NOMEM),
    }
)
_PASSING_NUMBERS = frozenset(
    {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS, errno.EMFILE, errno.ENFILE, errno.ENOMEM}
)


def is_passing(error: sqlite3.Error | OSError) -> bool:
    """Whether it may be another time that this works, with the same file."""
    if isinstance(error, OSError):
        return error.errno in _PASSING_NUMBERS
    return primary_code(error) in _PASSING
