"""Shards are a partition: each plan is one shard's, whatever their number. What is no shard is refused."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcp_crashtest.model.errors import UsageError
from mcp_crashtest.model.shard import MOST_SHARDS, Shard

NUMBERS = st.integers(1, 20)


@settings(max_examples=20)
@given(scenario=st.text(), length=st.integers(0, 300), first=st.integers(0, 50), of=NUMBERS)
def test_the_parts_of_all_shards_are_the_sequence(scenario: str, length: int, first: int, of: int) -> None:
    sequence = range(first, first + length)
    parts = [Shard(number, of).part(scenario, sequence, first) for number in range(1, of + 1)]
    assert sorted(place for part in parts for place in part) == list(sequence)
    assert max(map(len, parts)) - min(map(len, parts)) <= 1, "one machine has as much to do as another"
    assert all(part == sorted(part) for part in parts), "in their order, whose first part has seen the corners"


@settings(max_examples=20)
@given(scenario=st.text(), whole=st.integers(0, 200), owed=st.integers(0, 200), of=NUMBERS)
def test_what_a_budget_takes_and_what_is_left_of_it_are_dealt_out_as_one(
    scenario: str, whole: int, owed: int, of: int
) -> None:
    sequence = list(range(whole))
    for number in range(1, of + 1):
        shard = Shard(number, of)
        taken, rest = shard.part(scenario, sequence[:owed]), shard.part(scenario, sequence[owed:], first=owed)
        if owed <= whole:
            assert taken + rest == shard.part(scenario, sequence)


def test_short_scenarios_do_not_all_fall_to_the_first_shard() -> None:
    names = [f"scenario-{n}" for n in range(60)]
    first = Counter(number for number in (1, 2, 3) for name in names if Shard(number, 3).owns(name, 0))
    assert min(first.values()) > 10


@pytest.mark.parametrize("text", ["1/1", "2/3", f"{MOST_SHARDS}/{MOST_SHARDS}"])
def test_a_shard_is_read(text: str) -> None:
    shard = Shard.parse(text)
    assert f"{shard.number}/{shard.of}" == text


@pytest.mark.parametrize(
    "text", ["0/3", "4/3", "3", "", "/", "1/", "/2", "-1/3", "1.0/2", "a/b", "1/2/3", "1/257", "1/" + "9" * 40]
)
def test_what_is_no_shard_is_refused_with_one_that_is(text: str) -> None:
    with pytest.raises(UsageError, match="as in 1/3, 2/3 and 3/3"):
        Shard.parse(text)
