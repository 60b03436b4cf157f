"""How long nothing has moved: without what the lab itself took, and the wait for a processor."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_NOTICED_S = 0.1


class Silence:
    """The time since something moved, and whether it is too long.

    ``starved`` says for how many seconds those who should move have waited for a processor.
    """

    def __init__(self, bound_s: float, starved: Callable[[], float]) -> None:
        self.starved_s = 0.0
        self._bound_s = bound_s
        self._starved = starved
        self._moved_at = 0.0
        self._ours = False

    def moved(self) -> None:
        """Something has moved, or is about to begin."""
        self._moved_at, self.starved_s = time.monotonic(), 0.0

    @contextmanager
    def ours(self) -> Iterator[None]:
        """The lab itself is at work, as when it starts a server: however long that takes, nobody is silent."""
        began, self.starved_s, self._ours = time.monotonic(), 0.0, True
        try:
            yield
        finally:
            now, self._ours = time.monotonic(), False
            self._moved_at = min(self._moved_at + now - began, now)

    def too_long_at(self) -> float:
        """When it will have been too long, if nothing moves until then."""
        return (time.monotonic() if self._ours else self._moved_at + self.starved_s) + self._bound_s

    def starves(self) -> bool:
        """Whether they have waited for a processor since one last asked: who waits does not stand still."""
        before, self.starved_s = self.starved_s, self._starved()
        return self.starved_s > before + _NOTICED_S

    @property
    def elapsed_s(self) -> float:
        """Seconds since something moved."""
        return round(time.monotonic() - self._moved_at, 6)
