"""How often a plan fails, and how many passing runs would show that it is mended. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

_DOUBT = 0.05


@dataclass(frozen=True, slots=True)
class Rate:
    """So many of so many runs failed."""

    failed: int
    runs: int

    def __str__(self) -> str:
        """As a person says it."""
        return f"{self.failed} of {self.runs}"

    def to_json(self) -> dict[str, Any]:
        """Encode, under the names of ``replay --json``."""
        return {"reproduced": self.failed, "times": self.runs}


def runs_that_show_a_mend(rate: Rate) -> int | None:
    """The fewest passing runs in a row that a server which still fails at this rate would give with 5 % at most.

    None where nothing failed. Where everything did, one more run is thought to have passed: a rate of one is
    no certainty.
    """
    if rate.failed == 0:
        return None
    passes = (rate.runs - rate.failed) / rate.runs or 1 / (rate.runs + 1)
    return math.ceil(math.log(_DOUBT) / math.log(passes))
