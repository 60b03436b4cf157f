"""Plans for what else happens to processes."""

from __future__ import annotations

from mcp_crashtest.model.companions import Companion
from mcp_crashtest.model.coordinates import Batch, Moment, Phase, Since
from mcp_crashtest.model.faults import POISON, REPLACE, SIGNALS, TWINS
from mcp_crashtest.model.plan import Plan, Size
from mcp_crashtest.model.profile import Workload
from mcp_crashtest.planning.process_faults import crash_loops, many_at_once, poisoned, replaced, signals, two_at_once

ERAS, WORK, POINTS = ("new", "old"), Workload(100, 10), (Phase.BEFORE_WRITE, Phase.WRITTEN_UNCOMMITTED)


def places(plans: list[Plan]) -> list[Batch]:
    return [fault.at for plan in plans for fault in plan.faults if isinstance(fault.at, Batch)]


def test_the_first_few_have_seen_both_revisions_both_kinds_of_place_and_both_absences() -> None:
    plans = replaced("s", ERAS, WORK, POINTS, seed=0, count=4)
    assert {plan.protocol for plan in plans} == set(ERAS)
    assert {at.phase for at in places(plans)} == {None, Phase.BEFORE_WRITE}
    assert {plan.faults[0].settings["batches"] for plan in plans} == {1, 3}
    assert {plan.faults[0].kind for plan in plans} == {REPLACE}


def test_whoever_stands_still_has_no_transaction_open_and_enough_is_left_to_do() -> None:
    plans = replaced("s", ERAS, WORK, tuple(Phase), seed=3, count=40)
    assert Phase.WRITTEN_UNCOMMITTED not in {at.phase for at in places(plans)}
    assert all(1 <= at.number <= 5 for at in places(plans))


def test_two_are_started_at_once_in_the_first_half() -> None:
    plans = two_at_once("s", ERAS, WORK, seed=0, count=8)
    assert {plan.faults[0].kind for plan in plans} == {TWINS}
    assert len({at.number for at in places(plans)}) >= 4
    assert all(at.number <= 5 for at in places(plans))


def test_each_signal_is_sent_over_each_revision_and_something_is_left_to_resume() -> None:
    plans = signals("s", ERAS, WORK, seed=0, count=12)
    assert {(plan.faults[0].kind, plan.protocol) for plan in plans} == {(kind, era) for kind in SIGNALS for era in ERAS}
    assert all(at.number <= 7 for at in places(plans))


def test_a_crash_loop_begins_in_the_job_and_goes_on_all_over_the_starts() -> None:
    plans = crash_loops("s", ERAS, WORK, seed=0, count=6)
    moments = [fault.at for plan in plans for fault in plan.faults[1:]]
    assert {type(plan.faults[0].at) for plan in plans} == {Batch}
    assert all(isinstance(at, Moment) and at.since is Since.BOOT for at in moments)
    told = sorted(at.thousandths for at in moments if isinstance(at, Moment))
    assert 50 <= told[0] < 150
    assert 1000 < told[-1] <= 1200
    early = [fault.at for fault in plans[0].faults[1:]]
    assert all(isinstance(at, Moment) and at.thousandths <= 300 for at in early)
    assert str(plans[0].faults[1]).endswith("/1000 of the time that a start takes")
    assert Plan.from_json(plans[0].to_json()) == plans[0]


def test_of_many_at_once_the_server_is_killed_in_the_first_job_and_every_third_time_twice() -> None:
    plans = many_at_once("s", ERAS, WORK, (Size(80, 10), Size(60, 10)), seed=0, count=6)
    assert [len(plan.faults) for plan in plans] == [1, 1, 2, 1, 1, 2]
    assert {(plan.companion, plan.sizes) for plan in plans} == {(Companion.CROWD, (None, Size(80, 10), Size(60, 10)))}
    assert all(plan.faults[0].at.order <= 5 for plan in plans)
    assert Plan.from_json(plans[2].to_json()) == plans[2]


def test_by_turns_the_server_is_killed_behind_a_job_that_cannot_be_done() -> None:
    plans = poisoned("s", ERAS, WORK, seed=0, count=4)
    assert [[fault.kind for fault in plan.faults] for plan in plans] == [[POISON], [POISON, "kill"]] * 2


def test_the_same_seed_gives_the_same_plans() -> None:
    one, other = (replaced("s", ERAS, WORK, POINTS, seed=7, count=9) for _ in range(2))
    assert [plan.to_text() for plan in one] == [plan.to_text() for plan in other]
    assert [Plan.from_json(plan.to_json()) for plan in one] == one
