"""What a process leaves of its life beside its exit code: when it was told to end and was reaped, and what it used."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mcp_crashtest.subjects.proc import counts_writes

_KIB, _BLOCK_BYTES = 1024, 512  # the units of rusage


@dataclass(slots=True)
class Trace:
    """Times are those of the monotonic clock, which all processes of a machine share; None where nobody can tell.

    ``stopped_at``: since when its leader stands still by our hand, as whoever is killed does first; ``signalled_at``:
    when it was sent the latest signal that was to end it; ``reaped_at``: when its parent reaped it.
    ``memory_bytes`` is the most that one of those who belong to it has held at a time, ``written_bytes`` what they
    caused to be written to storage. Both are what could be seen: less than was used, never more.
    """

    stopped_at: float | None = None
    signalled_at: float | None = None
    reaped_at: float | None = None
    memory_bytes: int | None = None
    written_bytes: int | None = None

    def signalled(self, number: int, at: float) -> None:
        """It was sent this signal; to stop or to go on is no end."""
        match number:
            case signal.SIGSTOP:
                self.stopped_at = at if self.stopped_at is None else self.stopped_at
            case signal.SIGCONT:
                self.stopped_at = None
            case _:
                self.signalled_at = at

    def used(self, memory_bytes: int | None, written_bytes: int | None) -> None:
        """Somebody has looked; the more that was seen counts: one looks at who lives, another at who was reaped."""
        self.memory_bytes = _more(self.memory_bytes, memory_bytes)
        self.written_bytes = _more(self.written_bytes, written_bytes)

    def reaped(self, event: Mapping[str, Any]) -> None:
        """It was reaped, with what the kernel says that it and those whom it has reaped itself have used."""
        self.reaped_at = event["at"]
        self.used(event["most_kib"] * _KIB, event["blocks"] * _BLOCK_BYTES if counts_writes() else None)


def _more(one: int | None, other: int | None) -> int | None:
    return max((n for n in (one, other) if n is not None), default=None)
