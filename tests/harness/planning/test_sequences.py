"""The sequences of plans, of which a budget plays a first part: what that part has seen."""

from __future__ import annotations

from collections import Counter
from itertools import islice, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_crashtest.model.companions import Companion, Told
from mcp_crashtest.model.coordinates import Batch, Moment, Phase, Window
from mcp_crashtest.model.faults import Fault, Victim
from mcp_crashtest.model.plan import Absence, Plan, Size
from mcp_crashtest.model.profile import Workload
from mcp_crashtest.planning import sequences
from mcp_crashtest.planning.spread import points

ERAS = ("2026-07-28", "2025-11-25")
JOB = Workload(103, 10)
POINTS = tuple(phase for phase in Phase if phase.in_server)
EVERYWHERE, LEAVES, EDGES = 66, 13, 12
OBSERVED = (Phase.OBSERVED,)


def place(plan: Plan) -> float:
    """Where in the job its first fault lands, in batches."""
    at = plan.faults[0].at
    assert isinstance(at, Batch)
    return at.number - 1 + (at.thousandths or 0) / 1000


@given(st.integers(0, 1 << 31), st.integers(1, 400), st.integers(16, 200))
def test_any_first_part_of_the_places_covers_the_job_evenly(seed: int, batches: int, count: int) -> None:
    found = [at.number - 1 + (at.thousandths or 0) / 1000 for at in islice(points(Workload(batches, 1), seed), count)]
    strata = Counter(min(int(where / batches * 8), 7) for where in found)
    assert len(strata) == 8
    assert max(strata.values()) - min(strata.values()) <= 5  # by chance it would be three times the square root


def test_the_same_seed_gives_the_same_plans_and_another_one_others() -> None:
    first, again, other = (
        [p.to_text() for p in sequences.all_over("s", ERAS, JOB, OBSERVED, seed=seed, count=64)] for seed in (7, 7, 8)
    )
    assert first == again
    assert first != other


def test_each_tenth_of_a_batch_and_each_batch_is_hit_over_both_eras() -> None:
    plans = sequences.all_over("s", ERAS, JOB, OBSERVED, seed=0, count=200)[:EVERYWHERE]
    assert {int(place(plan)) for plan in plans} == set(range(JOB.batches))
    assert {int(place(plan) % 1 * 10) for plan in plans} == set(range(10))
    assert Counter(plan.protocol for plan in plans) == dict.fromkeys(ERAS, EVERYWHERE // 2)


@pytest.mark.parametrize("phases", [OBSERVED, POINTS])
def test_two_kills_are_of_servers_that_were_started_cold(phases: tuple[Phase, ...]) -> None:
    plans = sequences.all_over("s", ERAS, JOB, phases, seed=0, count=200)
    assert [plan.cold for plan in plans].count(True) == [plan.cold for plan in plans[:EVERYWHERE]].count(True) == 2


def test_crash_points_are_tried_in_turn_with_all_other_places() -> None:
    plans = sequences.all_over("s", ERAS, Workload(50, 10), POINTS, seed=0, count=200)
    parking = [plan for plan in plans if plan.faults[0].at.parks]
    assert len(parking) == 5 * len(POINTS) * len(ERAS)
    assert sum(plan.faults[0].at.parks for plan in plans[:EVERYWHERE]) == EVERYWHERE // 2


@pytest.mark.parametrize("kind", ["kill", "interrupt", "drop"])
def test_the_first_clients_that_leave_do_so_in_each_third_and_after_each_absence(kind: str) -> None:
    plans = sequences.leaving("s", ERAS, kind, JOB, Phase.OBSERVED, seed=0)
    assert {plan.absence for plan in plans[:LEAVES]} == set(Absence)
    thirds = {at.number for plan in plans[:LEAVES] if isinstance(at := plan.faults[0].at, Batch)}
    assert thirds == {1, 6, 10}
    assert {plan.protocol for plan in plans[:LEAVES]} == set(ERAS)
    assert {(plan.faults[0].kind, plan.faults[0].victim) for plan in plans} == {(kind, Victim.CLIENT)}


def test_all_of_them_cross_absence_third_and_era() -> None:
    plans = sequences.leaving("s", ERAS, "kill", JOB, Phase.OBSERVED, seed=0)
    seen = {(p.absence, at.number, p.protocol) for p in plans if isinstance(at := p.faults[0].at, Batch)}
    assert seen == set(product(Absence, (1, 6, 10), ERAS))
    assert len(plans) == len(seen)


def test_the_edges_are_the_submission_the_first_batch_and_the_last() -> None:
    plans = sequences.edges("s", ERAS, JOB)[:EDGES]
    kinds = Counter(type(plan.faults[0].at) for plan in plans)
    assert kinds[Window] == 2
    assert kinds[Moment] >= 2
    assert {plan.faults[0].at.order for plan in plans if isinstance(plan.faults[0].at, Batch)} == {1, 11}
    assert {plan.faults[0].victim for plan in plans} == {Victim.SERVER, Victim.CLIENT, Victim.BOTH}


@pytest.mark.parametrize("job", [JOB, Workload(20, 10), Workload(10, 10), Workload(1000, 10)])
def test_kills_in_a_row_are_each_of_a_later_batch(job: Workload) -> None:
    for plan in sequences.in_a_row("s", ERAS, job, Phase.OBSERVED, seed=0, count=4):
        numbers = [fault.at.number for fault in plan.faults if isinstance(fault.at, Batch)]
        assert numbers == sorted(set(numbers))
        assert 1 <= len(numbers) <= 5
        assert numbers[-1] <= max(job.batches - 1, 1)


@pytest.mark.parametrize("boundary", [Phase.OBSERVED, Phase.ACKNOWLEDGED])
def test_planned_restarts_leave_a_third_of_the_job_to_be_done(boundary: Phase) -> None:
    plans = sequences.restarts("s", ERAS, JOB, boundary, seed=0, count=6)
    numbers = [at.number for plan in plans if isinstance(at := plan.faults[0].at, Batch)]
    assert len(set(numbers)) >= 4
    assert 1 <= min(numbers) <= max(numbers) <= 8
    assert {plan.faults[0].at.parks for plan in plans} == {boundary is not Phase.OBSERVED}
    assert {plan.protocol for plan in plans} == set(ERAS)


@pytest.mark.parametrize("protocols", [ERAS, ERAS[:1]])
def test_of_two_kinds_of_planned_restart_each_comes_over_each_revision(protocols: tuple[str, ...]) -> None:
    at = (protocols, JOB, Phase.OBSERVED)
    plans = sequences.restarts("s", *at, seed=0, count=6, kinds=("goodbye", "terminate"))
    pairs = {(plan.protocol, plan.faults[0].kind) for plan in plans}
    assert pairs == {(protocol, kind) for protocol in protocols for kind in ("goodbye", "terminate")}


def test_of_several_servers_a_rolling_restart_says_how_many_and_has_a_longer_job() -> None:
    at = ("s", ERAS, JOB, Phase.OBSERVED)
    plans = sequences.restarts(*at, seed=0, count=8, kinds=("terminate", "roll"), servers=3)
    rolling = [plan for plan in plans if plan.faults[0].kind == "roll"]
    assert {plan.protocol for plan in rolling} == set(ERAS)
    assert all(plan.faults[0].settings == {"servers": 3} for plan in rolling)
    assert all(plan.workload and plan.workload.records >= 3 * JOB.records for plan in rolling)
    assert all(not plan.faults[0].settings and plan.workload is None for plan in plans if plan not in rolling)


def test_half_of_the_afterlives_follow_a_kill_on_the_way() -> None:
    plans = sequences.afterlives("s", ERAS, JOB, seed=0, count=6)
    assert [len(plan.faults) for plan in plans] == [0, 1, 0, 1, 0, 1]
    assert all(plan.afterlife for plan in plans)


def test_a_server_that_is_away_stays_so_for_two_batches() -> None:
    [plan, *_] = sequences.away("s", ERAS, Workload(100, 10), seed=0, count=3)
    [fault] = plan.faults
    assert isinstance(fault, Fault)
    assert isinstance(fault.until, Moment)
    assert fault.until.thousandths == 200


def test_jobs_of_other_sizes_vary_what_the_profile_lets_vary() -> None:
    both = sequences.sizes(JOB, records=True, batch=True)
    assert {Size(1, 1), Size(7, 1)} <= set(both)
    assert any(size.records == size.batch for size in both)
    assert any(size.records > 200 for size in both)
    assert {size.batch for size in sequences.sizes(JOB, records=True, batch=False)} == {JOB.batch}
    assert sequences.sizes(JOB, records=False, batch=True) == []


def test_the_kills_are_dealt_out_over_the_sizes() -> None:
    chosen = sequences.sizes(JOB, records=True, batch=True)
    plans = sequences.other_sizes("s", ERAS, chosen, seed=0, count=10)
    assert Counter(plan.workload for plan in plans) == dict.fromkeys(chosen, 2)


SECONDS = (Companion.ANOTHER_JOB, Companion.JOB_BESIDE, Companion.ANOTHER_JOB_LATER)
CORE = 9


def test_second_jobs_are_under_way_beside_the_first_or_come_behind_a_kill_and_are_a_batch_smaller() -> None:
    plans = sequences.second_jobs("s", ERAS, JOB, told=frozenset({Told.SIZE}), seed=0, count=20)
    assert [plan.companion for plan in plans[:2]] == [Companion.ANOTHER_JOB, Companion.JOB_BESIDE]
    assert {plan.second for plan in plans} == {Size(93, 10)}
    killed = [plan for plan in plans[:CORE] if not plan.afterlife]
    assert {int(place(plan) / JOB.batches * 3) for plan in killed} == {0, 1, 2}
    assert {(plan.protocol, plan.companion) for plan in killed} == set(product(ERAS, SECONDS))


def test_one_of_the_first_three_second_jobs_comes_behind_a_kill_after_the_end() -> None:
    plans = sequences.second_jobs("s", ERAS, JOB, told=frozenset(Told), seed=0, count=20)
    told = [(plan.afterlife, plan.faults) for plan in plans[:3]]
    assert told == [(False, plans[0].faults), (False, plans[1].faults), (True, ())]
    assert plans[2].companion is Companion.ANOTHER_JOB_LATER
    assert {plan.protocol for plan in plans if plan.afterlife} == set(ERAS)


def test_where_jobs_have_a_key_some_second_jobs_are_as_big_as_the_first() -> None:
    plans = sequences.second_jobs("s", ERAS, JOB, told=frozenset(Told), seed=0, count=20)
    alike = [plan.companion for plan in plans[:CORE] if plan.second is None]
    assert alike == [Companion.JOB_BESIDE, Companion.ANOTHER_JOB]


def test_where_a_job_asks_the_server_dies_when_the_first_was_given_it_and_the_second_was_not() -> None:
    plans, asking = (
        sequences.second_jobs("s", ERAS, JOB, told=frozenset(Told), seed=0, count=CORE, asks=asks)
        for asks in (False, True)
    )
    assert [*asking[:1], *asking[2:]] == plans[:-1]
    assert [(fault.kind, str(fault.victim)) for fault in asking[1].faults] == [("answer", "client"), ("kill", "server")]
    assert (asking[1].companion, asking[1].second) == (Companion.JOB_BESIDE, Size(93, 10))


@pytest.mark.parametrize(("records", "second"), [(10, 20), (5, 15), (11, 1)])
def test_a_job_of_one_batch_has_a_bigger_one_beside_it(records: int, second: int) -> None:
    plan, *_ = sequences.second_jobs("s", ERAS, Workload(records, 10), told=frozenset(Told), seed=0, count=20)
    assert plan.second == Size(second, 10)


def test_whether_there_is_a_second_job_at_all_is_tried_with_nobody_in_the_way() -> None:
    behind = sequences.one_behind("s", ERAS, JOB, told=frozenset(Told))
    assert (behind.faults, behind.afterlife, behind.companion) == ((), False, Companion.ANOTHER_JOB_LATER)
    assert behind.second == sequences.second_jobs("s", ERAS, JOB, told=frozenset(Told), seed=0, count=1)[0].second


def test_where_the_size_does_not_vary_the_second_job_is_as_big_as_the_first() -> None:
    plans = sequences.second_jobs("s", ERAS, JOB, told=frozenset({Told.KEY}), seed=0, count=20)
    assert {plan.second for plan in plans} == {None}


def test_two_clients_are_back_from_kills_of_both_all_over_the_job() -> None:
    plans = sequences.two_back("s", ERAS, JOB, seed=0, count=20)
    assert {(p.faults[0].victim, p.companion, p.second) for p in plans} == {(Victim.BOTH, Companion.SAME_JOB, None)}
    assert {int(place(plan) / JOB.batches * 3) for plan in plans[:6]} == {0, 1, 2}


def test_the_same_call_is_tried_undisturbed_and_then_behind_kills_all_over_the_job() -> None:
    assert sequences.called_once_more("s", ERAS).faults == ()
    plans = sequences.called_again("s", ERAS, JOB, seed=0, count=20)
    assert {(p.faults[0].victim, p.companion) for p in plans} == {(Victim.SERVER, Companion.SAME_CALL)}


def test_old_and_new_are_there_at_once_where_a_planned_restart_would_fall() -> None:
    at = ("s", ERAS, JOB, Phase.OBSERVED)
    told = [sequences.restarts(*at, seed=0, count=8), sequences.overlaps(*at, seed=0, count=8)]
    places = [[(plan.protocol, plan.faults[0].at) for plan in plans] for plans in told]
    assert places[0] == places[1]
    assert [{plan.faults[0].kind for plan in plans} for plans in told] == [{"terminate"}, {"overlap"}]
