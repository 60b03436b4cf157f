"""How long things take: the times of the undisturbed job, and what a run may take."""

from __future__ import annotations

from dataclasses import dataclass

LONGEST_ABSENCE_S = 3.0
"""How long a client stays away at most where it waits for quiet, or has lost its connections."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a run may be silent, and how long it may take in all. Seconds."""

    silence_s: float
    total_s: float


@dataclass(frozen=True, slots=True)
class Pace:
    """Times of the undisturbed job, in seconds: all of it, a batch of it; and how long a server stays away.

    ``shown``: a client can see batches pass, and soon enough for a fault to be placed by what was seen.
    """

    undisturbed_s: float
    batch_s: float
    outage_s: float
    shown: bool = True
