"""How long to wait before asking again, and when to give up. Pure: the clock and the dice are the caller's.

The wait doubles from ``FIRST_S`` up to ``LONGEST_S``, and half of it is left to chance, so that the clients of a
restarted server do not all come back at the same moment. Two bounds end it: ``patience_s`` without a sign of life, and
the deadline of the whole undertaking.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

FIRST_S = 0.05
LONGEST_S = 2.0
_DOUBLINGS = 30


def delay_s(attempt: int, chance: float) -> float:
    """The wait after the attempt (from 0 on); ``chance`` from 0 to 1."""
    whole = min(LONGEST_S, FIRST_S * 2.0 ** min(attempt, _DOUBLINGS))
    return whole * (0.5 + 0.5 * chance)


@dataclass(slots=True)
class Patience:
    """The patience of one undertaking, in seconds of the given clock; ``end_s`` is the clock's time of its deadline."""

    clock: Callable[[], float]
    dice: Callable[[], float]
    patience_s: float
    end_s: float
    attempts: int = 0
    _quiet_since_s: float = field(init=False)

    def __post_init__(self) -> None:
        self._quiet_since_s = self.clock()

    def alive(self) -> None:
        """There was a sign of life: the count begins anew."""
        self.attempts = 0
        self._quiet_since_s = self.clock()

    def next_delay_s(self) -> float | None:
        """How long to wait before the next attempt; None when it is time to give up."""
        now = self.clock()
        left = min(self._quiet_since_s + self.patience_s, self.end_s) - now
        if left <= 0:
            return None
        wait = delay_s(self.attempts, self.dice())
        self.attempts += 1
        return min(wait, left)

    def cut_s(self, wait_s: float) -> float:
        """The wait, or as much of it as the deadline leaves."""
        return max(0.0, min(wait_s, self.end_s - self.clock()))

    @property
    def overdue(self) -> bool:
        """Whether the deadline of the whole undertaking is over."""
        return self.clock() >= self.end_s
