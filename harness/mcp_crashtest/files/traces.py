"""What a trial has left in a folder of the user's: seen, and taken away again where it is the trial's own beyond doubt.

That is a file which was not there before, and is a SQLite database, or holds the name of the job that was tried. What
was there before, and was written to, nobody can put back: it is only named. What lies beside a database, its log above
all, goes with the database or not at all: without it the database may have lost what was committed, or be broken.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from mcp_crashtest.files.footprints import Footprint, changed, footprint
from mcp_crashtest.files.stores import is_database

_COMPANIONS = ("-wal", "-shm", "-journal")
_MOST_BYTES = 1 << 20
_SHORTEST_NAME = 6


@dataclass(slots=True)
class Traces:
    """A folder as it was, ``leave_out`` apart, and what has changed in it since.

    ``ours`` are files that we write ourselves, and that stay; ``names`` are what the jobs were called that were tried.
    Only where we have started the server (``started``) anything is taken away: another's is at work in its own files.
    ``passing``: the folder is a copy that is gone soon.
    """

    folder: Path
    leave_out: Path
    ours: frozenset[Path] = frozenset()
    names: set[str] = field(default_factory=set)
    started: bool = True
    passing: bool = False
    before: Footprint = field(init=False)
    folders: frozenset[Path] = field(init=False)

    def __post_init__(self) -> None:
        """Look at it."""
        self.before = footprint(self.folder, self.leave_out)
        self.folders = frozenset(path for depth in ("*/", "*/*/", "*/*/*/") for path in self.folder.glob(depth))

    def left(self) -> list[str]:
        """The files that are new, or were written to, since the last time that it was cleared."""
        written = changed(self.before, footprint(self.folder, self.leave_out))
        return [name for name in written if self.folder / name not in self.ours]

    def disturbed(self) -> list[str]:
        """The files among those that are left which were there before: they are not as they were."""
        return [name for name in self.left() if name in self.before or self._beside_older(name)]

    def _beside_older(self, name: str) -> bool:
        return name.endswith(_COMPANIONS) and name.rpartition("-")[0] in self.before

    def clear(self) -> list[str]:
        """Take away what is the trial's own; returns what was taken away."""
        if not self.started:
            return []
        new = [name for name in self.left() if name not in self.before]
        own = [name for name in new if not name.endswith(_COMPANIONS) and self._is_own(self.folder / name)]
        own += [name for name in new if name.endswith(_COMPANIONS) and name.rpartition("-")[0] in own]
        for name in own:
            with suppress(OSError):
                (self.folder / name).unlink()
            for parent in (self.folder / name).parents:
                if parent == self.folder or parent in self.folders:
                    break
                with suppress(OSError):  # it is not empty
                    parent.rmdir()
        self.before = footprint(self.folder, self.leave_out)
        return own

    def _is_own(self, path: Path) -> bool:
        with suppress(OSError):
            if is_database(path):
                return True
            with path.open("rb") as file:
                held = file.read(_MOST_BYTES) + str(path).encode()
            return any(len(name) >= _SHORTEST_NAME and name.encode() in held for name in self.names)
        return False
