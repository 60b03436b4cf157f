"""Every coordinate once."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_crashtest.model.coordinates import Batch, Phase
from mcp_crashtest.model.faults import Victim
from mcp_crashtest.model.plan import Plan
from mcp_crashtest.model.profile import Workload
from mcp_crashtest.planning.exhaustive import boundary_of, every, phases_of, places

POINTS = tuple(phase for phase in Phase if phase.in_server)


def plans(workload: Workload, *phases: Phase) -> list[Plan]:
    return every("s", ("p",), "kill", Victim.SERVER, workload, phases)


def test_three_batches_with_two_phases_are_six_plans_the_corners_first_and_then_in_the_order_of_the_job() -> None:
    assert [str(plan) for plan in plans(Workload(5, 2), Phase.BEFORE_WRITE, Phase.ACKNOWLEDGED)] == [
        "kill server at batch 1, before-write",
        "kill server at batch 3, acknowledged",
        "kill server at batch 2, acknowledged",
        "kill server at batch 1, acknowledged",
        "kill server at batch 2, before-write",
        "kill server at batch 3, before-write",
    ]


def test_nothing_can_land_once_the_last_batch_has_been_observed() -> None:
    assert [plan.faults[0].at.order for plan in plans(Workload(6, 2), Phase.OBSERVED)] == [1, 2]


@given(st.integers(1, 60), st.integers(1, 60), st.lists(st.sampled_from(Phase), unique=True, min_size=1).map(tuple))
def test_each_coordinate_is_covered_exactly_once_by_a_plan_of_one_fault(
    records: int, batch: int, phases: tuple[Phase, ...]
) -> None:
    workload = Workload(records, batch)
    made = plans(workload, *phases)
    assert all(len(plan.faults) == 1 for plan in made)
    expected = {
        Batch(number, phase)
        for number in range(1, workload.batches + 1)
        for phase in phases
        if (number, phase) != (workload.batches, Phase.OBSERVED)
    }
    assert Counter(plan.faults[0].at for plan in made) == Counter(expected)
    assert {plan.faults[0].at for plan in made} == set(places(workload, phases))


def test_a_subject_without_crash_points_is_observed() -> None:
    assert phases_of(()) == (Phase.OBSERVED,)
    assert boundary_of(()) is Phase.OBSERVED


@pytest.mark.parametrize("points", [POINTS, POINTS[::-1]])
def test_crash_points_come_in_the_order_in_which_a_batch_goes_through_them(points: tuple[Phase, ...]) -> None:
    assert phases_of(points) == POINTS
    assert boundary_of(points) is Phase.ACKNOWLEDGED
