"""How the links to a server's services fail, all over its job: cut, slow and half open, and from a message on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import count as numbers
from itertools import cycle

from mcp_crashtest.model.coordinates import Batch, During, Moment, Since
from mcp_crashtest.model.faults import CUT, SILENT, SLOW, Fault, Victim
from mcp_crashtest.model.plan import Plan
from mcp_crashtest.model.profile import Workload
from mcp_crashtest.planning.spread import spread

_THOUSAND = 1000
_LASTING_BATCHES = (2, 5)
_WAYS = ((SILENT, True), (CUT, False), (CUT, True), (SLOW, False), (SILENT, False))  # True: from a message on
_SHARES = (1000, 750, 500, 875, 250, 625, 375, 125)  # of a batch's messages, a COMMIT and what is near it first
_IN_A_ROW = 3
_ROOM_BATCHES = 5  # in which messages are counted, and the one comes that is meant


def unreachable(
    scenario: str, protocols: Sequence[str], workload: Workload, linked: Sequence[int], *, seed: int, count: int
) -> list[Plan]:
    """The links to these services, by their numbers, fail in turn, all over the job, for two batches, or for five.

    Each in five ways: cut, slow, half open; and half open or cut from a message on, which is passed and not answered.
    In every second round the server is killed while the link fails. Where it is not, one plan has three messages, in
    three places of the job, so that a few plans have all shares of a batch's.
    """
    stories, shares = _stories(linked), (cycle(_SHARES), cycle(_SHARES))
    found: list[Plan] = []
    for plan in spread(scenario, protocols, "kill", Victim.SERVER, workload, seed=seed, count=count):
        (kind, behind), number, killed, lasting = next(stories)
        at = plan.faults[0].at
        assert isinstance(at, Batch)
        places = [at] if not behind else _places(at, workload, 1 if killed else _IN_A_ROW)
        until = None if killed else Moment(lasting * _THOUSAND // workload.batches, Since.FAULT)
        faults = [
            Fault(kind, Victim.SERVICE, place, until, _settings(number, next(shares[killed]) if behind else None))
            for place in places
        ]
        if killed:  # the link is healed behind the server's start
            faults.append(Fault("kill", Victim.SERVER, During(1)))
        found.append(replace(plan, faults=tuple(faults)))
    return found


def _stories(linked: Sequence[int]) -> Iterator[tuple[tuple[str, bool], int, bool, int]]:
    """A way to fail, of a service, with the server killed or not, for so many batches; without an end."""
    for n in numbers():
        for number in linked:
            yield _WAYS[n % len(_WAYS)], number, bool(n % 2), _LASTING_BATCHES[n // 2 % 2]


def _settings(number: int, share: int | None) -> dict[str, float]:
    return {"service": float(number)} | ({} if share is None else {"message": float(share)})


def _places(first: Batch, workload: Workload, many: int) -> list[Batch]:
    """So many places, as far from each other as the job has room, and in their order; one of them is the first's."""
    room = max(workload.batches - _ROOM_BATCHES, 1) * _THOUSAND
    begin = ((first.number - 1) * _THOUSAND + (first.thousandths or 0)) * room // (workload.batches * _THOUSAND)
    places = sorted((begin + n * room // many) % room for n in range(many))
    return [Batch(place // _THOUSAND + 1, thousandths=place % _THOUSAND) for place in places]
