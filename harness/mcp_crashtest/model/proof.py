"""The proof that a fault landed."""

from __future__ import annotations

from dataclasses import dataclass

NOTHING_RESTARTED = "the first life finished the job behind SIGTERM: the restart restarted nothing"
"""Why a planned restart is not proven where the server does its job before it stops, as it may."""
RUN_OVER = "the run was over before this fault could land"
"""Why a fault is not proven for which there was no time any more."""
NOTHING_MET = "the job was done before the new life had answered: nothing shows what two lives at once make of it"
"""Why a restart that did not wait for the old life's end is not proven where the new one came too late."""

GOES_ON = "it goes on"
"""Why a life has not ended that was told something by a signal which it may heed in another way, or not at all."""


@dataclass(frozen=True, slots=True)
class Proof:
    """What became of a fault. ``kills`` counts processes that are proven to have died by our SIGKILL.

    ``stopped_at``, ``signalled_at`` and ``reaped_at``, on the monotonic clock, are when the first was made to stand
    still, when the first was told to end, and when the last was reaped; None where nobody can tell.
    ``goes_on``: nothing is proven, and what comes of it is of interest all the same: the server is gone, and somebody
    of it works on, or it had done all of its job.
    """

    confirmed: bool
    reason: str
    kills: int = 0
    elapsed_s: float = 0.0
    goes_on: bool = False
    stopped_at: float | None = None
    signalled_at: float | None = None
    reaped_at: float | None = None
