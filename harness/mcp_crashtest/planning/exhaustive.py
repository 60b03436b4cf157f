"""Every coordinate once: one plan of one fault for each batch boundary and phase.

This file decides where faults land; whether a subject has crash points is the profile's word.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mcp_crashtest.model.plan import Action, Coordinate, Fault, Phase, Plan, Victim
from mcp_crashtest.model.profile import Workload


def phases_of(crash_points: Sequence[Phase]) -> tuple[Phase, ...]:
    """The phases at which faults can land: the subject's crash points in their order, else ``observed``."""
    return tuple(p for p in Phase if p in crash_points) or (Phase.OBSERVED,)


def boundary_of(crash_points: Sequence[Phase]) -> Phase:
    """The phase that stands for "the batch is done and its client knows it"."""
    return Phase.ACKNOWLEDGED if Phase.ACKNOWLEDGED in crash_points else Phase.OBSERVED


def coordinates(workload: Workload, phases: Sequence[Phase]) -> Iterator[Coordinate]:
    """Every (batch, phase).

    ``observed`` stops one batch short: when the last one has been seen, the job is over and no fault can land.
    """
    for batch in range(1, workload.batches + 1):
        for phase in phases:
            if phase is not Phase.OBSERVED or batch < workload.batches:
                yield Coordinate(batch, phase)


def every(
    scenario: str, protocol: str, action: Action, victim: Victim, workload: Workload, phases: Sequence[Phase]
) -> list[Plan]:
    """One plan for each coordinate, with this one fault."""
    return [Plan(scenario, protocol, (Fault(action, victim, at),)) for at in coordinates(workload, phases)]
