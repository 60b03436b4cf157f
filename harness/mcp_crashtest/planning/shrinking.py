"""From a plan of several faults that fails to the few that matter.

A subject is a real system, and each question costs a run: one fault alone is asked for first, because that is what
mostly suffices; then, as in delta debugging (Zeller and Hildebrandt, 2002), each fault is left out in turn until none
can be. What is left is minimal in that sense: without any one of its faults it was not seen to fail.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from mcp_crashtest.model.coordinates import During
from mcp_crashtest.model.faults import Fault

Faults = tuple[Fault, ...]


def minimal(faults: Faults, fails: Callable[[Faults], bool], most_runs: int) -> Faults:
    """The fewest of these faults, in their order, that were seen to fail; ``fails`` plays them, so often at most."""
    asked: dict[Faults, bool] = {}

    def still(fewer: Faults) -> bool:
        if fewer not in asked:
            if len(asked) == most_runs:
                return False
            asked[fewer] = fails(fewer)
        return asked[fewer]

    for fault in faults:
        if not isinstance(fault.at, During) and still((fault,)):
            return (fault,)
    left, number = faults, len(faults)
    while number > 0 and len(left) > 1:
        fewer = without(left, number)
        if fewer and len(fewer) > 1 and still(fewer):
            left, number = fewer, len(fewer) + 1
        number -= 1
    return left


def without(faults: Faults, number: int) -> Faults:
    """The plan's faults without the one of this number, from 1, and without those that land while it lasts."""
    gone = {number}
    gone |= {place for place, fault in enumerate(faults, start=1) if _lasts(fault) == number}
    return tuple(
        replace(fault, at=During(last - 1)) if (last := _lasts(fault)) > number else fault
        for place, fault in enumerate(faults, start=1)
        if place not in gone
    )


def _lasts(fault: Fault) -> int:
    """The number of the fault while which this one lands; 0 for none."""
    return fault.at.fault if isinstance(fault.at, During) else 0
