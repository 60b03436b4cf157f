"""Kills spread over a whole job by one low-discrepancy sequence: any first part of it covers the job evenly.

The sequence is Weyl's with the golden ratio (Kuipers and Niederreiter, Uniform Distribution of Sequences, 1974, ch. 2),
in whole numbers: the same seed gives the same places on every machine. A place is a batch and so many thousandths of
it: what that means in time is found out when the plan is played.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

from mcp_crashtest.model.coordinates import Batch, Phase
from mcp_crashtest.model.faults import Fault, Victim
from mcp_crashtest.model.plan import Plan
from mcp_crashtest.model.profile import Workload

_WHOLE = 1_000_000_000
_GOLDEN = 618_033_989  # of _WHOLE: the fractional part of the golden ratio, rounded to a number prime to it
_SEED_STEP = 362_436_069
_THOUSAND = 1000


def points(workload: Workload, seed: int) -> Iterator[Batch]:
    """Places in the job, without an end: batches from the first to the last, and thousandths of them."""
    place = seed * _SEED_STEP % _WHOLE
    while True:
        place = (place + _GOLDEN) % _WHOLE
        number, rest = divmod(place * workload.batches, _WHOLE)
        yield Batch(number + 1, thousandths=rest * _THOUSAND // _WHOLE)


def at_point_or_within(number: int, boundary: Phase, thousandths: int | None) -> Batch:
    """That boundary of a batch where it is a crash point of the server; else so many thousandths of the batch."""
    return Batch(number, boundary) if boundary.in_server else Batch(number, thousandths=thousandths)


def spread(
    scenario: str, protocols: Sequence[str], kind: str, victim: Victim, workload: Workload, *, seed: int, count: int
) -> list[Plan]:
    """``count`` plans of this one fault, spread over the job and dealt out to the protocol revisions in turn."""
    at = islice(points(workload, seed), count)
    return [Plan(scenario, protocols[n % len(protocols)], (Fault(kind, victim, place),)) for n, place in enumerate(at)]
