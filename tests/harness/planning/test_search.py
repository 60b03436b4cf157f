"""Looking for the smallest plan that fails, within bounds, on subjects that may be flaky."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import strategies as st

from mcp_crashtest.model.coordinates import Phase
from mcp_crashtest.model.errors import HarnessError
from mcp_crashtest.model.faults import Victim
from mcp_crashtest.model.plan import Plan
from mcp_crashtest.model.profile import Workload
from mcp_crashtest.planning.randomized import plans
from mcp_crashtest.planning.search import draw, search

POINTS = tuple(phase for phase in Phase if phase.in_server)
CHOICES = (("interrupt", Victim.CLIENT), ("drop", Victim.CLIENT), ("kill", Victim.SERVER))
STRATEGY = plans(scenario="s", protocols=("p",), choices=CHOICES, workload=Workload(60, 10), phases=POINTS, most=4)
SEEDS = range(8)


class Player:
    """Plays plans by a predicate, and keeps what it played."""

    def __init__(self, fails: Callable[[Plan], bool]) -> None:
        self.fails = fails
        self.played: list[Plan] = []
        self.failed: list[Plan] = []

    def __call__(self, plan: Plan) -> bool:
        self.played.append(plan)
        failed = self.fails(plan)
        if failed:
            self.failed.append(plan)
        return failed


def interrupted_late(plan: Plan) -> bool:
    return any(f.kind == "interrupt" and f.at.order >= 2 for f in plan.faults)


def always(_: Plan) -> bool:
    return True


def never(_: Plan) -> bool:
    return False


@pytest.mark.parametrize("seed", SEEDS)
def test_the_smallest_failing_plan_has_the_one_fault_that_matters(seed: int) -> None:
    found = search(STRATEGY, interrupted_late, seed=seed, examples=100, shrink_runs=100)
    assert found is not None
    assert str(found) == "interrupt client at batch 2, before-write"


@pytest.mark.parametrize("seed", SEEDS)
def test_a_pair_of_faults_that_only_fails_together_is_kept_together(seed: int) -> None:
    def fails(plan: Plan) -> bool:
        return sum(f.kind == "kill" for f in plan.faults) >= 2

    player = Player(fails)
    found = search(STRATEGY, player, seed=seed, examples=100, shrink_runs=100)
    assert found == min(player.failed, key=lambda plan: plan.size)
    assert len(found.faults) <= 3


def test_none_is_found_where_nothing_fails() -> None:
    player = Player(never)
    assert search(STRATEGY, player, seed=0, examples=30, shrink_runs=10) is None
    assert 1 <= len(player.played) <= 30


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("shrink_runs", [0, 1, 5])
def test_after_the_first_failure_no_more_plans_are_played_than_allowed(seed: int, shrink_runs: int) -> None:
    player = Player(interrupted_late)
    found = search(STRATEGY, player, seed=seed, examples=50, shrink_runs=shrink_runs)
    first = player.played.index(player.failed[0])
    assert first + 1 <= 50
    assert len(player.played) - first - 1 <= shrink_runs
    assert found in player.failed


def test_no_plan_is_played_twice() -> None:
    player = Player(interrupted_late)
    search(STRATEGY, player, seed=3, examples=50, shrink_runs=50)
    assert len({plan.to_text() for plan in player.played}) == len(player.played)


def test_a_search_begins_with_the_plans_that_draw_shows() -> None:
    player = Player(never)
    search(STRATEGY, player, seed=5, examples=20, shrink_runs=0)
    shown = draw(STRATEGY, seed=5, examples=20)
    assert [plan.to_text() for plan in player.played] == [plan.to_text() for plan in shown]


def test_plans_whose_outcome_is_known_are_not_played_again() -> None:
    shown = draw(STRATEGY, seed=5, examples=20)
    player = Player(interrupted_late)
    known = {plan.to_text(): interrupted_late(plan) for plan in shown}
    found = search(STRATEGY, player, seed=5, examples=20, shrink_runs=60, known=known)
    assert str(found) == "interrupt client at batch 2, before-write"
    assert not {plan.to_text() for plan in player.played} & set(known)
    assert len(player.played) <= 60


def test_a_known_failure_is_found_even_when_nothing_may_be_played() -> None:
    shown = draw(STRATEGY, seed=5, examples=20)
    known = {plan.to_text(): plan == shown[-1] for plan in shown}
    player = Player(always)
    assert search(STRATEGY, player, seed=5, examples=20, shrink_runs=0, known=known) == shown[-1]
    assert player.played == []


@pytest.mark.parametrize("seed", SEEDS)
def test_of_a_flaky_subject_the_smallest_plan_that_was_seen_to_fail_is_kept(seed: int) -> None:
    def every_third(plan: Plan) -> bool:
        return interrupted_late(plan) and len(player.played) % 3 == 0

    player = Player(every_third)
    found = search(STRATEGY, player, seed=seed, examples=60, shrink_runs=40)
    if player.failed:
        assert found == min(player.failed, key=lambda plan: plan.size)
    else:
        assert found is None


def test_a_subject_that_fails_once_and_never_again_is_still_reported() -> None:
    player = Player(lambda _: len(player.played) == 4)
    assert search(STRATEGY, player, seed=1, examples=20, shrink_runs=10) == player.failed[0]
    assert len(player.played) <= 14


def test_an_error_of_the_lab_ends_the_search_at_once() -> None:
    def breaks(_: Plan) -> bool:
        raise HarnessError("the disk is full")

    player = Player(breaks)
    with pytest.raises(HarnessError, match="the disk is full"):
        search(STRATEGY, player, seed=0, examples=50, shrink_runs=50)
    assert len(player.played) == 1


def test_an_error_of_the_lab_does_not_mask_a_plan_that_was_seen_to_fail() -> None:
    def breaks_later(_: Plan) -> bool:
        if player.failed:
            raise HarnessError("the disk is full")
        return len(player.played) == 5

    player = Player(breaks_later)
    assert search(STRATEGY, player, seed=0, examples=50, shrink_runs=50) == player.failed[0]
    assert len(player.played) == 6


def test_an_interrupt_by_hand_ends_the_search() -> None:
    def interrupts(_: Plan) -> bool:
        raise KeyboardInterrupt

    player = Player(interrupts)
    with pytest.raises(KeyboardInterrupt):
        search(STRATEGY, player, seed=0, examples=50, shrink_runs=50)
    assert len(player.played) == 1


def test_the_same_seed_searches_the_same_way() -> None:
    played = []
    for _ in range(2):
        player = Player(interrupted_late)
        search(STRATEGY, player, seed=4, examples=50, shrink_runs=50)
        played.append([plan.to_text() for plan in player.played])
    assert played[0] == played[1]


def test_draw_shows_distinct_plans_and_no_more_than_asked_for() -> None:
    shown = draw(STRATEGY, seed=0, examples=25)
    assert 1 < len(shown) <= 25
    assert len({plan.to_text() for plan in shown}) == len(shown)


def test_draw_ends_where_there_is_but_one_plan() -> None:
    assert len(draw(st.just(Plan("s", "p", ())), seed=0, examples=25)) == 1
