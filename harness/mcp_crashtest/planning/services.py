"""What a server's services go through: killed alone, with their server, and while it recovers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import cycle, product

from mcp_crashtest.model.coordinates import Coordinate, Moment, Since
from mcp_crashtest.model.faults import Fault, Victim
from mcp_crashtest.model.plan import Plan
from mcp_crashtest.model.profile import Workload
from mcp_crashtest.planning.spread import spread

_THOUSAND = 1000
_AWAY_BATCHES = 2
_WHICH = "service"
_RECOVERING = (0, 60, 0, 150)  # thousandths of the undisturbed time behind the restart, by turns


def die(
    scenario: str, protocols: Sequence[str], workload: Workload, services: int, *, seed: int, count: int
) -> list[Plan]:
    """Each of so many services killed in turn, all over the job: alone, with the server, while the server recovers.

    A service that dies alone is back at once, or two batches later; so is one that dies while the server recovers.
    """
    away = Moment(_AWAY_BATCHES * _THOUSAND // workload.batches, Since.FAULT)
    stories = cycle(product(range(1, services + 1), (None, away), (_alone, _together, _recovering)))
    behind = cycle(_RECOVERING)
    plans = spread(scenario, protocols, "kill", Victim.SERVER, workload, seed=seed, count=count)
    found: list[Plan] = []
    for plan, (number, until, story) in zip(plans, stories, strict=False):
        which = {_WHICH: float(number)} if services > 1 else {}
        service = Fault("kill", Victim.SERVICE, plan.faults[0].at, until, which)
        found.append(replace(plan, faults=tuple(story(service, behind))))
    return found


def _alone(service: Fault, _behind: Iterator[int]) -> Iterator[Fault]:
    yield service


def _together(service: Fault, _behind: Iterator[int]) -> Iterator[Fault]:
    yield replace(service, victim=Victim.SERVER_AND_SERVICE)


def _recovering(service: Fault, behind: Iterator[int]) -> Iterator[Fault]:
    at: Coordinate = Moment(next(behind), Since.FAULT)
    yield Fault("kill", Victim.SERVER, service.at)
    yield replace(service, at=at)
