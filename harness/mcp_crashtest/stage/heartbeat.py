"""The lab's own heartbeat: by how much it is late itself. What it says of a subject's times is no better than that."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

_BEAT_S = 0.05


@dataclass(slots=True)
class Heartbeat:
    """``late_s`` is the worst so far."""

    late_s: float = 0.0

    async def beat(self) -> None:
        """For ever."""
        while True:
            due_at = time.monotonic() + _BEAT_S
            await asyncio.sleep(_BEAT_S)
            self.late_s = max(self.late_s, time.monotonic() - due_at)
