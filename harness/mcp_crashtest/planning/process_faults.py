"""Plans for what else happens to the processes of a server than that they are killed, or told to stop."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

from mcp_crashtest.model.coordinates import Batch, Phase
from mcp_crashtest.model.faults import REPLACE, SIGNALS, TWINS, Fault, Victim
from mcp_crashtest.model.plan import Plan
from mcp_crashtest.model.profile import Workload
from mcp_crashtest.planning.spread import points

_BATCHES_AWAY = (1, 3)
_WITHOUT_LOCK = (Phase.BEFORE_WRITE, Phase.COMMITTED_UNACKNOWLEDGED, Phase.ACKNOWLEDGED)


def replaced(
    scenario: str, protocols: Sequence[str], workload: Workload, phases: Sequence[Phase], *, seed: int, count: int
) -> list[Plan]:
    """The server frozen in the first half of its job, and thawed once another one has done one batch, or three.

    By turns in the middle of a batch, and at those of its crash points at which no transaction is open: a database
    whose writer stands still lets nobody write.
    """
    at_points = [phase for phase in _WITHOUT_LOCK if phase in phases]
    plans = []
    for n, place in enumerate(_first_half(workload, seed, count)):
        at = place
        if at_points and n % 2:
            at = Batch(place.number, at_points[n // 2 % len(at_points)])
        fault = Fault(REPLACE, Victim.SERVER, at, settings={"batches": _BATCHES_AWAY[n // 2 % len(_BATCHES_AWAY)]})
        plans.append(Plan(scenario, protocols[n % len(protocols)], (fault,)))
    return plans


def two_at_once(scenario: str, protocols: Sequence[str], workload: Workload, *, seed: int, count: int) -> list[Plan]:
    """The server killed in the first half of its job, and two started at once."""
    at = enumerate(_first_half(workload, seed, count))
    return [Plan(scenario, protocols[n % len(protocols)], (Fault(TWINS, Victim.SERVER, place),)) for n, place in at]


def signals(scenario: str, protocols: Sequence[str], workload: Workload, *, seed: int, count: int) -> list[Plan]:
    """Each of the other signals in turn, all over the job, but not in its last third: something is left to resume."""
    kinds, plans = list(SIGNALS), []
    for n, place in enumerate(islice(points(workload, seed), count)):
        at = Batch(max((place.number * 2 + 1) // 3, 1), thousandths=place.thousandths)
        protocol = protocols[n // len(kinds) % len(protocols)]
        plans.append(Plan(scenario, protocol, (Fault(kinds[n % len(kinds)], Victim.SERVER, at),)))
    return plans


def _first_half(workload: Workload, seed: int, count: int) -> list[Batch]:
    """Places in it, so that there is enough left to be done."""
    return [
        Batch(max((place.number + 1) // 2, 1), thousandths=place.thousandths)
        for place in islice(points(workload, seed), count)
    ]
