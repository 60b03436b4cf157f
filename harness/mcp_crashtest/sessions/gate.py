"""The gate of a session: closed for what has not begun once its time is over, or once an invariant is broken."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

_VIOLATED = "an invariant is broken, and nothing more was played (--fail-fast)"


@dataclass(slots=True)
class Gate:
    """``limit_s``: seconds from now after which no run is begun; ``fail_fast``: nor after a violation.

    ``spoiled``: why nothing can be shown any more.
    """

    limit_s: float | None = None
    fail_fast: bool = False
    violated: bool = False
    spoiled: str | None = None
    _opened: float = field(default_factory=time.monotonic)

    @property
    def until(self) -> float | None:
        """When it closes, by the monotonic clock."""
        return None if self.limit_s is None else self._opened + self.limit_s

    @property
    def left_s(self) -> float | None:
        """How many seconds are left; None where there is no limit."""
        return None if self.until is None else max(self.until - time.monotonic(), 0.0)

    @property
    def out_of_time(self) -> str:
        """What is said of what was left when the time was over."""
        return f"the time limit of {self.limit_s:g} s was over"

    def closed(self) -> str | None:
        """Why a scenario may not begin; None where it may."""
        if self.spoiled:
            return self.spoiled
        if self.fail_fast and self.violated:
            return _VIOLATED
        return self.out_of_time if self.until is not None and time.monotonic() >= self.until else None
