"""What is asked of a server about its tasks: an ordered sequence of plans, of which a first part is worth something."""

from __future__ import annotations

from mcp_crashtest.model.coordinates import Batch, Phase
from mcp_crashtest.model.plan import Plan
from mcp_crashtest.model.profile import Workload
from mcp_crashtest.planning.operations import operations

JOB = Workload(103, 10)
PROTOCOLS = ("2026-07-28", "2025-11-25")
ALL = frozenset({"cancel", "pause", "resume", "list", "stats"})


def planned(*offered: str, boundary: Phase = Phase.OBSERVED, seed: int = 0, count: int = 10) -> list[Plan]:
    return operations("ops", PROTOCOLS, JOB, boundary, offered=offered or ALL, seed=seed, count=count)


def kinds(plan: Plan) -> list[str]:
    return [fault.kind for fault in plan.faults]


def test_the_first_plans_ask_for_each_operation_and_kill_the_server_right_after_its_answer() -> None:
    cancelled, paused, listed = planned(count=3)
    assert kinds(cancelled) == ["cancel", "kill"]
    assert kinds(paused) == ["pause", "kill", "resume"]
    assert kinds(listed) == ["list", "kill", "list"]
    assert listed.afterlife


def test_ten_plans_have_an_operation_without_a_restart_too_and_one_that_recovery_has_taken_up() -> None:
    told = [kinds(plan) for plan in planned()]
    assert ["cancel"] in told
    assert ["pause", "resume"] in told
    assert ["kill", "cancel", "kill"] in told


def test_what_is_not_offered_is_not_asked_for() -> None:
    assert {kind for plan in planned("list") for kind in kinds(plan)} == {"list", "kill"}
    assert {kind for plan in planned("cancel") for kind in kinds(plan)} == {"cancel", "kill"}
    assert operations("ops", PROTOCOLS, JOB, Phase.OBSERVED, offered=(), seed=0, count=10) == []


def test_a_pause_without_a_way_to_go_on_is_not_asked_for() -> None:
    assert planned("pause") == []


def test_everything_is_asked_for_in_the_first_half_of_the_job_at_a_crash_point_where_there_is_one() -> None:
    places = [plan.faults[0].at for plan in planned(count=40)]
    assert all(isinstance(at, Batch) and at.number <= JOB.batches // 2 for at in places)
    parked = [plan.faults[0].at for plan in planned(boundary=Phase.ACKNOWLEDGED)]
    assert all(at.parks for at in parked)


def test_a_job_of_one_batch_has_a_place_too() -> None:
    [plan] = operations("ops", PROTOCOLS, Workload(1, 1), Phase.OBSERVED, offered=["cancel"], seed=0, count=1)
    assert plan.faults[0].at.order == 1


def test_the_same_seed_gives_the_same_plans_and_each_revision_has_its_turn() -> None:
    assert planned(seed=4) == planned(seed=4)
    assert planned(seed=4) != planned(seed=5)
    assert {plan.protocol for plan in planned()} == set(PROTOCOLS)
