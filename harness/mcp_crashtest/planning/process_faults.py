"""Plans for what else happens to the processes of a server than that they are killed, or told to stop."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

from mcp_crashtest.model.companions import Companion
from mcp_crashtest.model.coordinates import Batch, Coordinate, Moment, Phase, Since
from mcp_crashtest.model.faults import POISON, REPLACE, SIGNALS, TWINS, Fault, Victim
from mcp_crashtest.model.plan import Plan, Size
from mcp_crashtest.model.profile import Workload
from mcp_crashtest.planning.spread import points

_BATCHES_AWAY = (1, 3)
_IN_A_ROW, _THOUSAND, _TWICE = 6, 1000, 3
_EARLIEST, _SPANS = 50, (250, 1150)  # thousandths of a start: its beginning, or to a little behind its first answer
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


def crash_loops(scenario: str, protocols: Sequence[str], workload: Workload, *, seed: int, count: int) -> list[Plan]:
    """The server killed, and killed again and again while it starts: early, late, or once it has just begun to work.

    In each plan the moments are others; in every other one all are early, before a start has come to its work. The
    places of the first kills are spread over the first half of the job.
    """
    moments = (place.thousandths or 0 for place in points(workload, seed + 1))
    plans = []
    for n, place in enumerate(_first_half(workload, seed, count)):
        starts: list[Coordinate] = [
            Moment(_EARLIEST + next(moments) * _SPANS[n % len(_SPANS)] // _THOUSAND, Since.BOOT)
            for _ in range(_IN_A_ROW)
        ]
        faults = tuple(Fault("kill", Victim.SERVER, at) for at in [place, *starts])
        plans.append(Plan(scenario, protocols[n % len(protocols)], faults))
    return plans


def poisoned(scenario: str, protocols: Sequence[str], workload: Workload, *, seed: int, count: int) -> list[Plan]:
    """A job that cannot be done is asked for in the first half of one that can; by turns the server is killed later."""
    plans = []
    for n, place in enumerate(_first_half(workload, seed, count)):
        faults = [Fault(POISON, Victim.CLIENT, place)]
        later = place.number + max(workload.batches // 3, 1)
        if n % 2 and later < workload.batches:
            faults.append(Fault("kill", Victim.SERVER, Batch(later, thousandths=place.thousandths)))
        plans.append(Plan(scenario, protocols[n % len(protocols)], tuple(faults)))
    return plans


def many_at_once(
    scenario: str,
    protocols: Sequence[str],
    workload: Workload,
    sizes: tuple[Size | None, Size | None],
    *,
    seed: int,
    count: int,
) -> list[Plan]:
    """Eight jobs at once, and the server killed in the middle of the first one's; every third time twice.

    ``sizes`` are those of the second and of the third client's jobs.
    """
    plans = []
    for n, place in enumerate(_first_half(workload, seed, count)):
        later = Batch(min(place.number + workload.batches // 2, workload.batches), thousandths=place.thousandths)
        at = [place, later] if n % _TWICE == _TWICE - 1 and later.number > place.number else [place]
        faults = tuple(Fault("kill", Victim.SERVER, one) for one in at)
        protocol = protocols[n % len(protocols)]
        plans.append(Plan(scenario, protocol, faults, companion=Companion.CROWD, second=sizes[0], third=sizes[1]))
    return plans


def _first_half(workload: Workload, seed: int, count: int) -> list[Batch]:
    """Places in it, so that there is enough left to be done."""
    return [
        Batch(max((place.number + 1) // 2, 1), thousandths=place.thousandths)
        for place in islice(points(workload, seed), count)
    ]
