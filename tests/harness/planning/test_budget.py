"""How many plans a budget takes."""

from __future__ import annotations

import pytest

from mcp_crashtest.planning.budget import Budget, prefix_length


@pytest.mark.parametrize(
    ("budget", "of_66_and_200", "of_4", "of_1"),
    [(Budget.LOOK, 9, 1, 1), (Budget.QUICK, 9, 3, 1), (Budget.CORE, 66, 4, 1), (Budget.FULL, 200, 4, 1)],
)
def test_a_budget_takes_a_prefix(budget: Budget, of_66_and_200: int, of_4: int, of_1: int) -> None:
    assert prefix_length(200, 66, budget) == of_66_and_200
    assert prefix_length(4, None, budget) == of_4
    assert prefix_length(1, 12, budget) == of_1
