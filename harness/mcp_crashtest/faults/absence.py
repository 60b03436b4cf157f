"""A server's absence, from its proven death to its next life: nobody may work meanwhile, in its store or elsewhere.

Two looks at the ledger and at the folder of its state, at what the file system says alone: no file is opened, least of
all a database that somebody may have open. What is in shared memory only, beside a database, says nothing.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from mcp_crashtest.model.operation import Op, Type
from mcp_crashtest.stage.stage import LAB, Stage
from mcp_crashtest.subjects.client import FOLDER

_MOST_FILES = 5000
_MOST_SHOWN = 20
_IGNORED = ("-shm",)

File = tuple[int, int, int]
"""Size, time of the last change in nanoseconds, inode."""


@dataclass(frozen=True, slots=True)
class Absence:
    """The absence that the fault with this number (from 1) has begun, and what was there then."""

    fault: int
    began_at: float
    files: Mapping[str, File]

    @classmethod
    def begun(cls, stage: Stage, fault: int) -> Absence:
        """The server is dead, and nobody else is to be at work."""
        return cls(fault, time.monotonic(), _files(stage))

    def ended(self, stage: Stage) -> None:
        """It is about to be started again: what has changed meanwhile goes into the history."""
        if stage.server is not None:
            return
        now = _files(stage)
        changed = sorted(path for path in {*now, *self.files} if now.get(path) != self.files.get(path))
        away_s = round(time.monotonic() - self.began_at, 6)
        value = {"fault": self.fault, "away_s": away_s, "grew": changed[:_MOST_SHOWN], "changed": len(changed)}
        stage.write(LAB, Type.OK, Op.AWAY, value)


def _files(stage: Stage) -> dict[str, File]:
    """Every file of the state, by its path within it, and the ledger. A client on trial lives on, and writes."""
    folder, on_trial = stage.site.folder, stage.door is not None
    found: dict[str, File] = {}
    for path in (folder.ledger, *_walked(folder.state_dir, FOLDER if on_trial else None)):
        if len(found) >= _MOST_FILES:
            break
        try:
            seen = path.stat(follow_symlinks=False)
        except OSError:
            continue
        name = path.relative_to(folder.path)
        found[str(name)] = (seen.st_size, seen.st_mtime_ns, seen.st_ino)
    return found


def _walked(top: Path, apart: str | None) -> Iterator[Path]:
    for folder, folders, files in os.walk(top):
        if apart in folders and Path(folder) == top:
            folders.remove(apart)
        yield from (Path(folder, name) for name in sorted(files) if not name.endswith(_IGNORED))
