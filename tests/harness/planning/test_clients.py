"""Where a client under test is killed."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mcp_crashtest.model.contract_spec import ContractKind, ContractSpec
from mcp_crashtest.model.coordinates import Batch, Phase, Window, WindowName
from mcp_crashtest.model.faults import Victim
from mcp_crashtest.model.plan import Plan
from mcp_crashtest.model.profile import Profile, Workload
from mcp_crashtest.model.subject_spec import SubjectSpec
from mcp_crashtest.planning.clients import drops, kills, moments, outages, windows
from mcp_crashtest.planning.search import draw

POINTS = (Phase.BEFORE_WRITE, Phase.ACKNOWLEDGED)


def profile(kind: ContractKind, records: int = 6, points: tuple[Phase, ...] = ()) -> Profile:
    subject = SubjectSpec("serve {port}", "u", crash_points=points)
    return Profile("p", subject, ContractSpec(kind, "work"), workload=Workload(records, 2))


def test_the_windows_of_a_conversation_about_a_task() -> None:
    assert [str(at) for at in windows(profile(ContractKind.RESOURCE_TASK))] == [
        "question 1",
        "question 2",
        "its submission, unanswered",
        "its submission, just answered",
        "the end of its task, just answered",
    ]


def test_a_blocking_call_is_one_question() -> None:
    found = windows(profile(ContractKind.RESUMABLE_TOOL))
    assert [at for at in found if isinstance(at, Window) and at.name is WindowName.ASKING] == [
        Window(WindowName.ASKING)
    ]


def test_the_crash_points_of_a_few_batches_are_windows_too() -> None:
    found = windows(profile(ContractKind.RESOURCE_TASK, 600, POINTS))
    assert [at for at in found if at.parks] == [Batch(batch, phase) for batch in (1, 2, 150, 300) for phase in POINTS]


@given(st.integers(1, 40))
def test_each_crash_point_of_a_job_of_any_length_is_a_window_once(records: int) -> None:
    made = profile(ContractKind.RESOURCE_TASK, records, POINTS)
    found = [at for at in windows(made) if isinstance(at, Batch) and at.parks]
    assert len(set(found)) == len(found)
    assert {at.number for at in found} <= set(range(1, made.workload.batches + 1))
    assert {1, made.workload.batches} <= {at.number for at in found}


def test_each_window_is_a_plan_of_one_kill() -> None:
    at = windows(profile(ContractKind.TASKS_EXTENSION))
    made = kills("s", "p", Victim.BOTH, at)
    assert [(len(plan.faults), plan.faults[0].at) for plan in made] == [(1, place) for place in at]


def test_a_connection_is_cut_where_a_request_is_held_back_and_in_a_call_that_blocks() -> None:
    polling = windows(profile(ContractKind.RESOURCE_TASK, points=POINTS))
    made = [str(plan) for plan in drops("s", "p", polling, blocking=False)]
    assert made == [f"drop client at {at}" for at in ("question 1", "question 2", "its submission, unanswered")]
    call = windows(profile(ContractKind.RESUMABLE_TOOL, points=POINTS))
    within = [plan.faults[0].at for plan in drops("s", "p", call, blocking=True) if plan.faults[0].at.parks]
    assert within == [Batch(2, phase) for phase in POINTS]


def test_while_the_server_is_away_its_client_is_killed_never_once_and_twice() -> None:
    [alone, once, twice] = outages("s", "p", [Window(WindowName.ASKING)])
    assert str(alone) == "kill server at question 1"
    assert str(once) == "kill server at question 1, then kill client at a time at which fault 1 lasts"
    assert [fault.victim for fault in twice.faults] == [Victim.SERVER, Victim.CLIENT, Victim.CLIENT]


def test_random_moments_leave_time_for_each_other_and_are_the_same_for_the_same_seed() -> None:
    strategy = moments(scenario="s", protocols=["p"], most=5)
    made = draw(strategy, seed=3, examples=40)
    assert made == draw(strategy, seed=3, examples=40)
    assert made != draw(strategy, seed=4, examples=40)
    assert {len(plan.faults) for plan in made} == {1, 2, 3, 4, 5}
    assert {fault.victim for plan in made for fault in plan.faults} == {Victim.CLIENT, Victim.BOTH}
    for plan in made:
        assert all(fault.at.order >= 1 for fault in plan.faults)
        assert sum(fault.at.order for fault in plan.faults) <= 970 + len(plan.faults)
        assert Plan.from_json(plan.to_json()) == plan
