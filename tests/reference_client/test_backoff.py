"""Waiting: bounded, growing, left to chance, and ended by patience or deadline."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from reference_client.backoff import FIRST_S, LONGEST_S, Patience, delay_s


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@given(st.integers(0, 10_000), st.floats(0, 1))
def test_a_wait_is_bounded_from_both_sides(attempt: int, chance: float) -> None:
    assert FIRST_S / 2 <= delay_s(attempt, chance) <= LONGEST_S


def test_a_wait_doubles_until_it_is_the_longest() -> None:
    waits = [delay_s(attempt, 1.0) for attempt in range(10)]
    assert waits[:3] == [FIRST_S, 2 * FIRST_S, 4 * FIRST_S]
    assert waits[-1] == LONGEST_S


def test_half_of_a_wait_is_left_to_chance() -> None:
    assert delay_s(3, 0.0) == delay_s(3, 1.0) / 2


@given(st.floats(0.1, 50), st.floats(0, 1), st.floats(0, 2))
def test_it_always_gives_up(patience_s: float, chance: float, per_attempt_s: float) -> None:
    clock = Clock()
    patience = Patience(clock, lambda: chance, patience_s, clock.now_s + 1000)
    attempts = 0
    while (wait_s := patience.next_delay_s()) is not None:
        clock.now_s += wait_s + per_attempt_s
        attempts += 1
        assert attempts < 10_000
    assert clock.now_s - 100 >= patience_s * 0.999


def test_a_sign_of_life_begins_the_count_anew() -> None:
    clock = Clock()
    patience = Patience(clock, lambda: 1.0, 5, clock.now_s + 1000)
    for _ in range(20):
        clock.now_s += 4
        patience.alive()
        assert patience.next_delay_s() == FIRST_S


def test_the_deadline_ends_it_whatever_the_signs_of_life() -> None:
    clock = Clock()
    patience = Patience(clock, lambda: 1.0, 5, clock.now_s + 10)
    clock.now_s += 10
    patience.alive()
    assert patience.next_delay_s() is None
    assert patience.overdue


def test_a_wait_that_somebody_else_asks_for_is_cut_at_the_deadline() -> None:
    clock = Clock()
    patience = Patience(clock, lambda: 1.0, 60, clock.now_s + 5)
    assert (patience.cut_s(3), patience.cut_s(3600)) == (3, 5)
    clock.now_s += 6
    assert patience.cut_s(3600) == 0
