"""A connection to SQLite as ``database`` has it. Whoever writes has the file alone, so much of it is nothing to do."""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Sequence
from pathlib import Path

from reference_server.folders import check_room

_ROOM_BYTES = 1 << 20  # for the next batches


class SqliteDatabase(sqlite3.Connection):
    """See Database."""

    seals = True
    octets = "octet_length(bodies)" if sqlite3.sqlite_version_info >= (3, 43) else "length(CAST(bodies AS BLOB))"
    path = Path()
    opened = 0

    def begin(self) -> None:
        """See Database; raises sqlite3.OperationalError where another process writes for too long."""
        self.execute("BEGIN IMMEDIATE")

    def check_writable(self) -> None:
        """See Database. SQLite may overwrite what its log has, which needs no room: so there must be room, too."""
        if self.path.stat().st_ino != self.opened:
            raise OSError(errno.ESTALE, "another file is in the store's place")
        (version,) = self.execute("PRAGMA user_version").fetchone()
        self.execute(f"PRAGMA user_version = {version}")
        check_room(self.path.parent, _ROOM_BYTES)

    def reserve(self, _: str) -> None:
        """See Database."""

    def hold(self, _: str) -> bool:
        """See Database."""
        return True

    def elsewhere(self, workers: Sequence[str]) -> tuple[str, Sequence[str]]:
        """See Database."""
        return f"worker IN ({marks(workers)})", workers

    def announce(self, _: str) -> None:
        """See Database: processes that share a file look at it from time to time."""


def marks(values: Sequence[str]) -> str:
    """In SQL: as many placeholders."""
    return ", ".join("?" for _ in values) or "''"
