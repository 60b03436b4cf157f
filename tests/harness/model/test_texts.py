"""A column of texts is to whoever reads it the same as a list of them."""

from __future__ import annotations

import tracemalloc

from hypothesis import given
from hypothesis import strategies as st

from mcp_crashtest.model.texts import Texts, column

LISTS = st.lists(st.text(st.characters(), max_size=5), max_size=8)


@given(LISTS, st.slices(8))
def test_a_column_of_texts_reads_as_its_list(texts: list[str], part: slice) -> None:
    held = column(iter(texts))
    assert isinstance(held, Texts)
    assert list(held) == texts
    assert len(held) == len(texts)
    assert list(held[part]) == texts[part]
    assert [held[n] for n in range(-len(texts), len(texts))] == [texts[n] for n in range(-len(texts), len(texts))]


@given(LISTS, LISTS)
def test_columns_are_equal_where_their_texts_are(one: list[str], other: list[str]) -> None:
    assert (column(one) == column(other)) == (one == other)
    assert hash(column(one)) == hash(column(list(one)))


@given(LISTS, st.lists(st.none() | st.integers(), min_size=1, max_size=4))
def test_a_column_that_holds_anything_else_is_a_tuple(texts: list[str], others: list[object]) -> None:
    mixed = [*texts, *others, *texts]
    assert column(mixed) == tuple(mixed)


def test_a_text_too_many_comes_late_and_nothing_is_lost() -> None:
    values = [*map(str, range(10_000)), 3, *map(str, range(5_000))]
    assert column(iter(values)) == tuple(values)


def test_many_names_take_little_more_than_their_letters() -> None:
    tracemalloc.start()
    try:
        held = column(f"{n:016}" for n in range(20_000))
        size_bytes, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(held) == 20_000
    assert size_bytes < 20_000 * (16 + 8) * 1.3
