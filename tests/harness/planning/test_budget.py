"""How many plans a budget takes."""

from __future__ import annotations

import pytest

from mcp_crashtest.planning.budget import Budget, fitting, prefix_length


@pytest.mark.parametrize(
    ("budget", "of_66_and_200", "of_4", "of_1"),
    [(Budget.LOOK, 9, 1, 1), (Budget.QUICK, 9, 3, 1), (Budget.CORE, 66, 4, 1), (Budget.FULL, 200, 4, 1)],
)
def test_a_budget_takes_a_prefix(budget: Budget, of_66_and_200: int, of_4: int, of_1: int) -> None:
    assert prefix_length(200, 66, budget) == of_66_and_200
    assert prefix_length(4, None, budget) == of_4
    assert prefix_length(1, 12, budget) == of_1


def test_where_time_is_short_every_scenario_plays_its_share_and_one_plan_at_least() -> None:
    assert [fitting(owed, 0.25) for owed in (66, 4, 2, 0)] == [16, 1, 1, 0]
    assert [fitting(owed, 1.0) for owed in (66, 1)] == [66, 1]
