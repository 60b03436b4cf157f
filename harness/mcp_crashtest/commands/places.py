"""Stores of the user's that lie outside of the profile's folder, where no copy of that keeps a trial away from them.

A server that is told of such a place, and finds something in it, is tried with an empty one of each run's own. Where it
does nothing so, each run begins with a copy of it. What is too large to be copied for each run is used itself.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, auto
from pathlib import Path

from mcp_crashtest.files.mirrors import is_small
from mcp_crashtest.proposing.command import quoted

OF_A_COPY = "each run begins with a copy of what you have there"


class Use(Enum):
    """What a run has in the place of such a store."""

    EMPTY = auto()
    COPY = auto()
    ITSELF = auto()


@dataclass(slots=True)
class Places:
    """Which places stay as the command or a variable names them: those in ``here``, the profile's folder, or its copy.

    ``elsewhere`` are those that do not, as they were met.
    """

    here: Path
    folder: Path
    use: Use = Use.EMPTY
    elsewhere: list[Path] = field(default_factory=list)

    def stay(self, path: Path) -> bool:
        """Whether this place stays: it holds something, and may be what the server reads."""
        if not holds_something(path):
            return False
        place = path.resolve()
        inside = any(place.is_relative_to(own.resolve()) for own in (self.here, self.folder))
        if inside or self.use is Use.ITSELF:
            return True
        if path not in self.elsewhere:
            self.elsewhere.append(path)
        return False

    def reset(self) -> str | None:
        """What puts copies of them into a run's folder; None where there are none, or each run has empty ones."""
        if self.use is not Use.COPY or not self.elsewhere:
            return None
        return f"cp -R {' '.join(quoted(str(path.resolve())) for path in self.elsewhere)} {{state_dir}}/"

    def next_use(self) -> Use | None:
        """What to try where this did not do; None where there is nothing more to try."""
        if not self.elsewhere or self.use is not Use.EMPTY:
            return None
        return Use.COPY if all(is_small(path) for path in self.elsewhere) else Use.ITSELF


def holds_something(path: Path) -> bool:
    """Whether a file has any bytes, or a folder any entry."""
    try:
        return any(path.iterdir()) if path.is_dir() else path.stat().st_size > 0
    except OSError:
        return False
