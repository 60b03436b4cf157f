"""Odds: how many passing runs would show a mend at 95 %."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_crashtest.reporting.odds import Rate, runs_that_show_a_mend


@pytest.mark.parametrize(
    ("failed", "runs", "needed"),
    [(3, 10, 9), (1, 2, 5), (2, 3, 3), (1, 100, 299), (1, 1, 5), (3, 3, 3), (10, 10, 2), (0, 10, None)],
)
def test_the_rarer_a_failure_the_more_passing_runs_it_takes(failed: int, runs: int, needed: int | None) -> None:
    assert runs_that_show_a_mend(Rate(failed, runs)) == needed


@given(st.integers(1, 50), st.integers(1, 50))
def test_so_many_passing_runs_are_unlikely_at_the_same_rate_and_one_fewer_is_not(failed: int, passed: int) -> None:
    rate = Rate(failed, failed + passed)
    needed = runs_that_show_a_mend(rate)
    assert needed is not None
    passes = passed / rate.runs
    assert passes**needed <= 0.05 + 1e-9
    assert needed == 1 or passes ** (needed - 1) > 0.05 - 1e-9
