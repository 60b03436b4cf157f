"""Every coordinate once: one plan of one fault for each batch boundary and phase.

This file decides where faults land; whether a subject has crash points is the profile's word.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mcp_crashtest.model.coordinates import Batch, Phase
from mcp_crashtest.model.faults import Fault, Victim
from mcp_crashtest.model.plan import Plan
from mcp_crashtest.model.profile import Workload
from mcp_crashtest.planning.budget import corners_first


def phases_of(crash_points: Sequence[Phase]) -> tuple[Phase, ...]:
    """The phases at which faults can land: the subject's crash points in their order, else ``observed``."""
    return tuple(p for p in Phase if p in crash_points) or (Phase.OBSERVED,)


def boundary_of(crash_points: Sequence[Phase]) -> Phase:
    """The phase that stands for "the batch is done and its client knows it"."""
    return Phase.ACKNOWLEDGED if Phase.ACKNOWLEDGED in crash_points else Phase.OBSERVED


def places(workload: Workload, phases: Sequence[Phase]) -> Iterator[Batch]:
    """Every (batch, phase).

    ``observed`` stops one batch short: when the last one has been seen, the job is over and no fault can land.
    """
    for number in range(1, workload.batches + 1):
        for phase in phases:
            if phase is not Phase.OBSERVED or number < workload.batches:
                yield Batch(number, phase)


def every(
    scenario: str,
    protocols: Sequence[str],
    kind: str,
    victim: Victim,
    workload: Workload,
    phases: Sequence[Phase],
) -> list[Plan]:
    """One plan for each protocol revision and coordinate, with this one fault; the corners come first."""
    at = list(places(workload, phases))
    plans = [Plan(scenario, protocol, (Fault(kind, victim, place),)) for protocol in protocols for place in at]
    return corners_first(plans)
