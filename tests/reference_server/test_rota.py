"""The rota: all who are ready are taken once, in an owner's order; no owner waits for two of another."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference_server.rota import Rota

READY = st.lists(st.sampled_from("abcd"), max_size=60)


@given(READY)
def test_everybody_is_taken_once_and_in_the_order_of_the_owner(owners: list[str]) -> None:
    rota: Rota[tuple[str, int]] = Rota()
    ready = [(owner, n) for n, owner in enumerate(owners)]
    for one in ready:
        rota.put(one[0], one)
    taken = [rota.take() for _ in ready]
    assert sorted(taken) == sorted(ready)
    for owner in set(owners):
        assert [one for one in taken if one[0] == owner] == [one for one in ready if one[0] == owner]
    with pytest.raises(IndexError):
        rota.take()


@given(READY)
def test_between_two_of_one_owner_each_other_owner_who_is_ready_has_one(owners: list[str]) -> None:
    rota: Rota[str] = Rota()
    for owner in owners:
        rota.put(owner, owner)
    left = list(owners)
    previous: dict[str, int] = {}
    taken: list[str] = []
    while left:
        owner = rota.take()
        between = taken[previous[owner] + 1 :] if owner in previous else None
        if between is not None:
            assert set(left) - {owner} <= set(between)
            assert len(between) == len(set(between))
        previous[owner] = len(taken)
        taken.append(owner)
        left.remove(owner)


def test_who_has_just_had_a_turn_is_behind_those_who_have_come_since() -> None:
    rota: Rota[str] = Rota()
    rota.put("ann", "ann 1")
    rota.put("ann", "ann 2")
    assert rota.take() == "ann 1"
    rota.put("ben", "ben 1")
    assert rota.take(served="ann") == "ben 1"
    assert rota.take(served="ben") == "ann 2"
