"""The time that is left: foretold from a golden run, and corrected by what runs really take. Pure.

A machine with more to do makes every run longer than was foretold. What was said is said anew where it is far off.
"""

from __future__ import annotations

from dataclasses import dataclass

_FEWEST = 5  # runs, before which nothing is known
_FAR_OFF = 1.5
_WORTH_SAYING_S = 30.0


@dataclass(slots=True)
class Pace:
    """How far a session has got. ``runs`` and ``seconds`` are foretold, of all subjects that are known by now."""

    runs: int = 0
    seconds: float = 0.0
    played: int = 0
    began_at: float | None = None
    _said_end_at: float | None = None

    def foretold(self, runs: int, seconds: float, now: float) -> None:
        """More runs are to come, and about how long they take."""
        self.runs += runs
        self.seconds += seconds
        self.began_at = now if self.began_at is None else self.began_at
        self._said_end_at = (now if self._said_end_at is None else self._said_end_at) + seconds

    def left_out(self, runs: int) -> None:
        """So many are not played after all: their scenario came to its end before."""
        self.runs -= max(runs, 0)

    def left_s(self, now: float) -> float | None:
        """About how many seconds are left, by what the runs up to now took; None where too few are over to tell."""
        if self.began_at is None or not _FEWEST <= self.played < self.runs:
            return None
        return (now - self.began_at) / self.played * (self.runs - self.played)

    def correction_s(self, now: float) -> float | None:
        """What is left, where that is far from what was said last; None where it need not be said."""
        left_s = self.left_s(now)
        if left_s is None or self.began_at is None or self._said_end_at is None:
            return None
        said_s = max(self._said_end_at - now, 0.0)
        apart = max(left_s, said_s)
        if apart - min(left_s, said_s) < _WORTH_SAYING_S or apart < _FAR_OFF * min(left_s, said_s):
            return None
        self._said_end_at = now + left_s
        return left_s
