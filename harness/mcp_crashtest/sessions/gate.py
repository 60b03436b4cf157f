"""The gate of a session: closed for what has not begun once its time is over, or once an invariant is broken.

A campaign brings a gate of its own, which closes when it has seen enough, and goes on with what was begun before.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import pytest

_VIOLATED = "an invariant is broken, and nothing more was played (--fail-fast)"


@dataclass(slots=True)
class Gate:
    """``limit_s``: seconds from now after which no run is begun; ``fail_fast``: nor after a violation.

    ``spoiled``: why nothing can be shown any more; ``enough``: why no more is wanted. ``fits``: what there is no time
    for is left out of every scenario alike, and not of the last ones alone. ``resumes``: what its report directory
    holds is gone on with.
    """

    limit_s: float | None = None
    fail_fast: bool = False
    violated: bool = False
    spoiled: str | None = None
    enough: str | None = None
    fits: bool = True
    resumes: bool = False
    _opened: float = field(default_factory=time.monotonic)

    @property
    def until(self) -> float | None:
        """When it closes, by the monotonic clock."""
        return None if self.limit_s is None else self._opened + self.limit_s

    @property
    def left_s(self) -> float | None:
        """How many seconds are left to fit in; None for any number."""
        return None if self.until is None or not self.fits else max(self.until - time.monotonic(), 0.0)

    @property
    def over(self) -> bool:
        """Whether no run is to begin any more, for want of time or because enough was seen."""
        return self.enough is not None or (self.until is not None and time.monotonic() >= self.until)

    @property
    def why_over(self) -> str:
        """What is said of what was left then."""
        return self.enough or f"the time limit of {self.limit_s or 0:g} s was over"

    def closed(self) -> str | None:
        """Why a scenario may not begin; None where it may."""
        if self.spoiled:
            return self.spoiled
        if self.fail_fast and self.violated:
            return _VIOLATED
        return self.why_over if self.over else None


GATE = pytest.StashKey[Gate]()
