"""The lab's own heartbeat: by how much it is late itself, and how many want the processors beside it.

What the lab says of a subject's times is no better than that: a server that waits for its turn is not slow.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

_BEAT_S = 0.05
_LOOKS_EVERY = 4
_SCHEDULER = Path("/proc/loadavg")


@dataclass(slots=True)
class Heartbeat:
    """``late_s`` is the worst so far. ``wanting`` tells how many processes want to run at this moment."""

    late_s: float = 0.0
    wanting: Callable[[], int] = field(default_factory=lambda: wanting)
    _looks: int = 0
    _seen: int = 0

    @property
    def crowd(self) -> float:
        """How many have wanted each processor, on average; 0 where nobody can tell."""
        return self._seen / self._looks / (os.cpu_count() or 1) if self._looks else 0.0

    @property
    def told(self) -> dict[str, float]:
        """Both, as values of an event."""
        return {"late_s": round(self.late_s, 6), "crowd": round(self.crowd, 3)}

    async def beat(self) -> None:
        """For ever."""
        beats = 0
        while True:
            due_at = time.monotonic() + _BEAT_S
            await asyncio.sleep(_BEAT_S)
            self.late_s = max(self.late_s, time.monotonic() - due_at)
            beats += 1
            if beats % _LOOKS_EVERY == 0:
                with contextlib.suppress(OSError, ValueError, IndexError):
                    self._seen += self.wanting()
                    self._looks += 1


def wanting() -> int:
    """The processes that run or wait for a processor; raises OSError where the system does not tell."""
    return int(_SCHEDULER.read_text(encoding="ascii").split()[3].split("/")[0])
