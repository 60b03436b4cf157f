"""Named points at which this process can be made to stand still, so that a crash test can place a kill exactly.

Armed only by the environment: ``CRASHTEST_POINTS="committed-unacknowledged@3,acknowledged@5"`` is an ordered list of
``phase@batch``. The first one is awaited; where it is reached the process stops itself (SIGSTOP) and whoever watches
kills it, or lets it go on (SIGCONT), and then the next one is awaited. Without the variable this costs one comparison.
"""

from __future__ import annotations

import asyncio
import signal
import threading
from collections import deque

from reference_server.errors import StartError

VARIABLE = "CRASHTEST_POINTS"
BEFORE_WRITE = "before-write"
WRITTEN = "written-uncommitted"
COMMITTED = "committed-unacknowledged"
ACKNOWLEDGED = "acknowledged"
PHASES = (BEFORE_WRITE, WRITTEN, COMMITTED, ACKNOWLEDGED)
_SETTLING_TURNS = 20


class CrashPoints:
    """The points that are armed in this process, in their order."""

    def __init__(self, text: str) -> None:
        self._awaited: deque[tuple[str, int]] = deque()
        for entry in filter(None, text.split(",")):
            phase, _, batch = entry.partition("@")
            if phase not in PHASES or not batch.isdecimal():
                raise StartError(f"{VARIABLE} has {entry!r}: expected phase@batch, with a phase of {', '.join(PHASES)}")
            self._awaited.append((phase, int(batch)))

    @property
    def armed(self) -> bool:
        """Whether any point is still awaited."""
        return bool(self._awaited)

    def reach(self, phase: str, batch: int) -> None:
        """Stand still here if this is the point that is awaited. ``batch`` counts from 1.

        The signal goes to this very thread: one to the process is taken by the main thread, and a writer thread would
        run on for some microseconds, perhaps past its COMMIT.
        """
        if self._awaited and self._awaited[0] == (phase, batch):
            self._awaited.popleft()
            signal.pthread_kill(threading.get_ident(), signal.SIGSTOP)

    async def settle(self) -> None:
        """While points are armed, let the event loop write out what it was given to send."""
        for _ in range(_SETTLING_TURNS if self._awaited else 0):
            await asyncio.sleep(0)
