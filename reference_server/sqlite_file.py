"""A store in one SQLite file: what ``database`` asks for, of SQLite."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from reference_server import schema
from reference_server.database import Database, Place
from reference_server.workers import LockedFiles


@dataclass(frozen=True, slots=True)
class SqliteFile:
    """See Place."""

    path: Path

    def __str__(self) -> str:
        return str(self.path)

    @property
    def files(self) -> Sequence[Path]:
        """See Place."""
        return [Path(f"{self.path}{ending}") for ending in ("", "-wal", "-shm", "-workers")]

    @property
    def reserves(self) -> bool:
        """See Place."""
        return False

    def prepare(self) -> None:
        """See Place."""
        schema.prepare(self.path)

    def name_damaged(self) -> None:
        """See Place."""
        schema.name_damaged_tasks(self.path)

    def connect(self, patience_s: float) -> Database:
        """See Place."""
        return schema.connect(self.path, patience_s)

    def work(self) -> LockedFiles:
        """See Place."""
        return LockedFiles(self.path)

    def close(self) -> None:
        """See Place: each connection closes itself."""


def place_of(where: Path | Place) -> Place:
    """A store's place; a path is that of a SQLite file."""
    return SqliteFile(where) if isinstance(where, Path) else where
