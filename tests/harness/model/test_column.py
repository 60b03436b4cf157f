"""A column is to whoever reads it the same as a list of its values, whatever parts they lie in."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_crashtest.model import column
from mcp_crashtest.model.column import Column

VALUES = st.lists(st.sampled_from(["a", "b", "c", "d"]) | st.integers(0, 2) | st.floats(0, 2) | st.none(), max_size=8)
TEXTS = st.lists(st.text(st.characters(), max_size=1), max_size=8)


@pytest.fixture(autouse=True, scope="module")
def parts_of_two() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(column, "_AT_A_TIME", 2)
        yield


@given(VALUES | TEXTS, st.slices(8))
def test_a_column_reads_as_its_list(values: list[object], part: slice) -> None:
    held = Column.of(iter(values))
    assert list(held) == values
    assert len(held) == len(values)
    assert list(held[part]) == values[part]
    assert [held[n] for n in range(-len(values), len(values))] == [values[n] for n in range(-len(values), len(values))]
    assert held.distinct == len(set(values))


@given(VALUES, VALUES)
def test_columns_are_equal_where_their_values_are(one: list[object], other: list[object]) -> None:
    assert (Column.of(one) == Column.of(other)) == (one == other)
    assert Column.of(one) == Column.of(one)


def test_numbers_that_are_written_in_another_way_are_equal() -> None:
    assert Column.of([1, "1"]) == Column.of([1.0, "1"])
    assert Column.of([1, "1"]) != Column.of(["1", 1])


@given(VALUES, VALUES)
def test_what_the_other_column_lacks_is_what_a_look_at_each_value_finds(one: list[object], other: list[object]) -> None:
    assert Column.of(one).beyond(Column.of(other)) == [value for value in one if value not in other]


def test_a_column_has_no_letter_that_is_not_ascii() -> None:
    held = Column.of(["ä", "\ud800", "\0", '"'])
    assert all(part.isascii() for part in held.parts)
    assert list(map(json.loads, held.parts)) == [["ä", "\ud800"], ["\0", '"']]


def test_many_names_take_little_more_than_their_letters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(column, "_AT_A_TIME", 4096)
    tracemalloc.start()
    try:
        held = Column.of(f"{n:016}" for n in range(20_000))
        size_bytes, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(held) == 20_000
    assert size_bytes < 20_000 * (16 + 3) * 1.3
