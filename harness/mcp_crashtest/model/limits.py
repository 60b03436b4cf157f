"""What no certificate of this version says anything about, whatever it says: said in each of them."""

from __future__ import annotations

LIMITS = (
    "a SIGKILL leaves the page cache as it is: that an fsync is missing is not seen, and no power was cut",
    "disks that are full, read-only, torn or corrupt were not tried",
    "hostile networks (resets, delays, lost answers, requests that come twice) were not tried",
    "what a kill at another moment, or another job, would have shown was not seen",
)
