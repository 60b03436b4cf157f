"""What a server goes through, scenario by scenario: ordered sequences of plans, of which a budget plays a first part.

Each function gives the whole sequence of one story; the scenarios say how much of it the star is owed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import cycle, islice, product, zip_longest
from typing import TypeVar

from mcp_crashtest.model.companions import Companion, Told
from mcp_crashtest.model.coordinates import Batch, Coordinate, Moment, Phase, Since, Window, WindowName
from mcp_crashtest.model.faults import OVERLAP, ROLL, Fault, Victim
from mcp_crashtest.model.offers import ANSWER
from mcp_crashtest.model.plan import Absence, Plan, Size
from mcp_crashtest.model.profile import Workload
from mcp_crashtest.planning.exhaustive import every
from mcp_crashtest.planning.spread import at_point_or_within, points, spread

T = TypeVar("T")
_THOUSAND = 1000
_COLD = (10, 21)  # of each kind of place one, and over each revision; a first look does without
_AWAY_BATCHES = 2
_ROLLING = 10  # times as long is a job that several servers are restarted over, one after the other
_IN_A_ROW = 5
_EDGE_OF_FIRST = (0, 150, 500)
_EDGE_OF_LAST = (250, 600, 850, 950)
_ENDED = 6  # of so many second jobs one comes behind a kill that was behind the first one's end
_ANSWERED_AND_KILLED = (
    Fault(ANSWER, Victim.CLIENT, Window(WindowName.INPUT)),
    Fault("kill", Victim.SERVER, Moment(0, Since.FAULT)),
)
_FIRST_WORDS = (5, 15, 40)  # thousandths of the undisturbed time: the submission is on its way, or was just heard


def alternately(*sequences: Iterable[T]) -> Iterator[T]:
    """One of each in turn, as long as there is any."""
    nothing = object()
    for row in zip_longest(*sequences, fillvalue=nothing):
        yield from (item for item in row if item is not nothing)  # type: ignore[misc]


def all_over(
    scenario: str,
    protocols: Sequence[str],
    workload: Workload,
    phases: Sequence[Phase],
    *,
    seed: int,
    count: int,
) -> list[Plan]:
    """The server killed at every crash point that it has and, in turn with that, all over the job.

    Twice it starts cold behind the kill.
    """
    at_points = (
        [] if phases == (Phase.OBSERVED,) else every(scenario, protocols, "kill", Victim.SERVER, workload, phases)
    )
    anywhere = spread(scenario, protocols, "kill", Victim.SERVER, workload, seed=seed, count=count)
    plans = list(alternately(anywhere, at_points))
    return [replace(plan, cold=n in _COLD) for n, plan in enumerate(plans)]


def restarts(
    scenario: str,
    protocols: Sequence[str],
    workload: Workload,
    boundary: Phase,
    *,
    seed: int,
    count: int,
    kinds: Sequence[str] = ("terminate",),
    servers: int = 1,
) -> list[Plan]:
    """Planned restarts in the first two thirds of the job, so that there is something left to restart.

    In the middle of batches, where a server may put away more than it has done; at crash points where there are some.
    Of several ``kinds`` each comes over each revision. A rolling one, of so many ``servers``, has a longer job: that is
    to last until the last of them is told to stop.
    """
    plans: list[Plan] = []
    for n, place in enumerate(islice(points(workload, seed), count)):
        number = min((place.number * 2 + 1) // 3, workload.batches - 2)
        at = at_point_or_within(max(number, 1), boundary, place.thousandths)
        kind = kinds[n // len(protocols) % len(kinds)]
        settings = {"servers": float(servers)} if kind == ROLL else {}
        size = Size(_ROLLING * workload.records, workload.batch) if kind == ROLL else None
        fault = Fault(kind, Victim.SERVER, at, settings=settings)
        plans.append(Plan(scenario, protocols[n % len(protocols)], (fault,), workload=size))
    return plans


def overlaps(
    scenario: str, protocols: Sequence[str], workload: Workload, boundary: Phase, *, seed: int, count: int
) -> list[Plan]:
    """The same restarts, in which the new life does not wait for the old one's end."""
    plans = restarts(scenario, protocols, workload, boundary, seed=seed, count=count)
    return [replace(p, faults=tuple(replace(fault, kind=OVERLAP) for fault in p.faults)) for p in plans]


def leaving(
    scenario: str,
    protocols: Sequence[str],
    kind: str,
    workload: Workload,
    boundary: Phase,
    *,
    seed: int,
) -> list[Plan]:
    """A client that goes away in each third of the job, and comes back after each absence; over each revision.

    Where it goes is a boundary and a place within a batch by turns.
    """
    thirds = (1, (workload.batches + 1) // 2, max(workload.batches - 1, 1))
    combined = [(absence, third) for third, absence in product(range(len(thirds)), Absence)]
    within = [at.thousandths for at in islice(points(workload, seed), len(combined))]
    plans: list[Plan] = []
    for turn in range(len(protocols)):
        for n, (absence, third) in enumerate(_mixed(combined)):
            at_boundary = (n + turn) % 2 == 0
            at = Batch(thirds[third], boundary) if at_boundary else Batch(thirds[third], thousandths=within[n])
            protocol = protocols[(n + n // len(protocols) + turn) % len(protocols)]
            plans.append(Plan(scenario, protocol, (Fault(kind, Victim.CLIENT, at),), absence=absence))
    return plans


def _mixed(combined: Sequence[T]) -> list[T]:
    """In an order in which the first few differ in both: a stride that shares no factor with the length."""
    stride = next(n for n in (7, 11, 13, 17) if len(combined) % n)
    return [combined[n * stride % len(combined)] for n in range(len(combined))]


def together(scenario: str, protocols: Sequence[str], workload: Workload, *, seed: int, count: int) -> list[Plan]:
    """Server and client killed at once, all over the job; the client comes back after one absence and another."""
    plans = spread(scenario, protocols, "kill", Victim.BOTH, workload, seed=seed, count=count)
    return [replace(plan, absence=absence) for plan, absence in zip(plans, cycle(Absence), strict=False)]


def edges(scenario: str, protocols: Sequence[str], workload: Workload) -> list[Plan]:
    """Between submission and first batch, in the last batch, and between it and the answer."""
    last = workload.batches
    submitted: list[Coordinate] = [Window(WindowName.ANSWERED), Window(WindowName.UNANSWERED)]
    submitted += [Moment(thousandths, Since.FIRST_WORD) for thousandths in _FIRST_WORDS]
    begun: list[Coordinate] = [Batch(1, thousandths=n) for n in _EDGE_OF_FIRST]
    ending: list[Coordinate] = [Batch(last, thousandths=n) for n in _EDGE_OF_LAST]
    places = list(alternately(submitted, ending, begun))
    victims = cycle((Victim.SERVER, Victim.SERVER, Victim.BOTH, Victim.SERVER, Victim.CLIENT))
    plans = [
        Plan(scenario, protocols[n % len(protocols)], (Fault("kill", victim, at),))
        for n, (at, victim) in enumerate(zip(places, victims, strict=False))
    ]
    return plans + [replace(p, faults=(replace(p.faults[0], victim=Victim.SERVER),)) for p in plans if _hits_client(p)]


def _hits_client(plan: Plan) -> bool:
    return plan.faults[0].victim.hits_client


def in_a_row(
    scenario: str, protocols: Sequence[str], workload: Workload, boundary: Phase, *, seed: int, count: int
) -> list[Plan]:
    """The server killed again and again, each life after work of its own; at its crash points, where it has some."""
    plans: list[Plan] = []
    offsets = (place.thousandths for place in points(workload, seed))
    for n in range(count):
        kills = min(_IN_A_ROW, max(workload.batches - 1, 1))
        step = max((workload.batches - 1) // kills, 1)
        numbers = range(1 + n % 2, workload.batches, step)[:kills] or range(1, 2)
        at = (at_point_or_within(number, boundary, next(offsets)) for number in numbers)
        faults = tuple(Fault("kill", Victim.SERVER, place) for place in at)
        plans.append(Plan(scenario, protocols[n % len(protocols)], faults))
    return plans


def afterlives(scenario: str, protocols: Sequence[str], workload: Workload, *, seed: int, count: int) -> list[Plan]:
    """After the end the server is killed once more, and asked again; by turns it had been killed on the way too."""
    on_the_way = spread(scenario, protocols, "kill", Victim.SERVER, workload, seed=seed, count=count)
    undisturbed = [Plan(scenario, protocol, ()) for protocol in islice(cycle(protocols), count)]
    return [replace(plan, afterlife=True) for plan in islice(alternately(undisturbed, on_the_way), count)]


def away(scenario: str, protocols: Sequence[str], workload: Workload, *, seed: int, count: int) -> list[Plan]:
    """The server is killed and stays away for two batches: whoever works on meanwhile is not dead."""
    until = Moment(_AWAY_BATCHES * _THOUSAND // workload.batches, Since.FAULT)
    plans = spread(scenario, protocols, "kill", Victim.SERVER, workload, seed=seed, count=count)
    return [replace(p, faults=tuple(replace(fault, until=until) for fault in p.faults)) for p in plans]


def second_jobs(
    scenario: str,
    protocols: Sequence[str],
    workload: Workload,
    *,
    told: frozenset[Told],
    seed: int,
    count: int,
    asks: bool = False,
) -> list[Plan]:
    """The server killed all over the job, and a second job: under way beside it, or in the new life, beside or behind.

    Now and then it is killed behind the first job's end, and the new life knows of nothing but what is kept.
    Where jobs are told by their size the second is a batch smaller, or else bigger: the one's records are not all the
    other's. Where they are told by a key too, every third is as big as the first, and only another client's. Where a
    job ``asks`` for something, the second plan has the one given it when the server dies, and the other one not yet.
    """
    size = _second_size(workload, told)
    beside, behind, both = Companion.ANOTHER_JOB, Companion.ANOTHER_JOB_LATER, Companion.JOB_BESIDE
    wanted = cycle((beside, both, behind, both, behind))  # not in step with two revisions
    plans = spread(scenario, protocols, "kill", Victim.SERVER, workload, seed=seed, count=count)
    equal = None if Told.KEY in told else size
    alike = cycle((size, size, size, equal, size, equal))
    killed = [replace(p, companion=who, second=as_big) for p, who, as_big in zip(plans, wanted, alike, strict=False)]
    ended = (Plan(scenario, p, (), afterlife=True, companion=behind, second=size) for p in cycle(protocols))
    plans = [plan for n, one in enumerate(killed) for plan in ([one, next(ended)] if n % _ENDED == 1 else [one])]
    if asks:
        plans.insert(1, Plan(scenario, protocols[-1], _ANSWERED_AND_KILLED, companion=both, second=size))
    return plans[:count]


def one_behind(scenario: str, protocols: Sequence[str], workload: Workload, *, told: frozenset[Told]) -> Plan:
    """A second job behind the first with nobody in the way: whether there is one at all."""
    size = _second_size(workload, told)
    return Plan(scenario, protocols[0], (), companion=Companion.ANOTHER_JOB_LATER, second=size, owed=True)


def _second_size(workload: Workload, told: frozenset[Told]) -> Size | None:
    smaller, bigger = workload.records - workload.batch, workload.records + workload.batch
    return Size(smaller if smaller > 0 else bigger, workload.batch) if Told.SIZE in told else None


def two_back(scenario: str, protocols: Sequence[str], workload: Workload, *, seed: int, count: int) -> list[Plan]:
    """Server and client killed all over the job, and two clients back at the same moment for the same job."""
    plans = spread(scenario, protocols, "kill", Victim.BOTH, workload, seed=seed, count=count)
    return [replace(plan, companion=Companion.SAME_JOB) for plan in plans]


def called_once_more(scenario: str, protocols: Sequence[str]) -> Plan:
    """The same call made again with nobody in the way: whether it is one job to the server."""
    return Plan(scenario, protocols[0], (), companion=Companion.SAME_CALL)


def called_again(scenario: str, protocols: Sequence[str], workload: Workload, *, seed: int, count: int) -> list[Plan]:
    """The server killed all over the job, and in its new life the same call made once more."""
    plans = spread(scenario, protocols, "kill", Victim.SERVER, workload, seed=seed, count=count)
    return [replace(plan, companion=Companion.SAME_CALL) for plan in plans]


def sizes(workload: Workload, *, records: bool, batch: bool) -> list[Size]:
    """Other jobs: one record, one batch, batches of one, more than a page of most servers, without a short batch.

    As far as the profile lets ``records`` and ``batch`` vary: there are none where the job always has the same size.
    """
    if not records:
        return []
    if batch:
        return [Size(1, 1), Size(10, 10), Size(7, 1), Size(253, 50), Size(40, 10)]
    size = workload.batch
    return [Size(n, size) for n in dict.fromkeys((1, size, 2 * size + 1, 4 * size))]


def other_sizes(
    scenario: str, protocols: Sequence[str], chosen: Sequence[Size], *, seed: int, count: int
) -> list[Plan]:
    """The server killed all over jobs of other sizes. (Each of them is done undisturbed first, to compare with.)"""
    killed = (
        [
            replace(plan, workload=size)
            for plan in spread(
                scenario,
                protocols,
                "kill",
                Victim.SERVER,
                Workload(size.records, size.batch),
                seed=seed + n,
                count=count,
            )
        ]
        for n, size in enumerate(chosen)
    )
    return list(islice(alternately(*killed), count))
