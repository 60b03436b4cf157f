"""Tables: rows kept by columns, and their text."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_crashtest.model import column
from mcp_crashtest.model.columns import Table, as_table, digest_of
from mcp_crashtest.model.errors import UsageError
from tests.harness.model.strategies import columns, documents, texts

ROWS = st.lists(st.tuples(st.sampled_from("abcd"), st.integers(0, 1)), max_size=9)
TABLE = Table.of([("a", 1), ("b", 2)], width=2)
TEXT = '{"format":1,"rows":2,"columns":2}\n["a","b"]\n[1,2]\n'


def text_of(table: Table) -> str:
    return "".join(table.pieces())


def test_a_table_has_these_bytes_and_this_name_for_ever() -> None:
    assert text_of(TABLE) == TEXT
    assert TABLE.digest == digest_of([TEXT]) == "c01b97247b8eda4687820794234a3db4"


def test_rows_come_back_in_their_order() -> None:
    assert list(TABLE) == [("a", 1), ("b", 2)]
    assert len(TABLE) == 2
    assert list(Table.of([], width=3)) == []
    assert len(Table.of([], width=3)) == 0


@given(columns)
def test_a_table_comes_back_from_its_text(table: Table) -> None:
    assert text_of(table).isascii()
    assert Table.from_lines(text_of(table).splitlines(keepends=True)) == table


@given(columns, columns)
def test_tables_that_differ_have_other_names(one: Table, other: Table) -> None:
    assert (text_of(one) == text_of(other)) == (one.digest == other.digest)


def test_tables_are_joined_in_their_order() -> None:
    assert Table.joined([TABLE, TABLE], width=2) == Table.of([("a", 1), ("b", 2), ("a", 1), ("b", 2)], width=2)
    assert Table.joined([], width=2) == Table.of([], width=2)


def test_rows_of_another_width_are_no_table() -> None:
    with pytest.raises(ValueError, match="expected rows of 3 values"):
        Table.of([("a", 1)], width=3)


def test_rows_are_a_table_of_the_width_that_is_asked_for_or_an_error() -> None:
    assert as_table(TABLE, 2) is TABLE
    assert as_table([["a", 1], ["b", 2]], 2) == TABLE
    with pytest.raises(ValueError, match="expected rows of 3 values"):
        as_table(TABLE, 3)


@given(ROWS, ROWS)
def test_rows_that_two_tables_have_at_the_same_place_are_told_apart_and_none_gets_lost(
    one: list[tuple[str, int]], other: list[tuple[str, int]]
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(column, "_AT_A_TIME", 2)
        mine, theirs, shared = Table.of(one, 2).apart(Table.of(other, 2))
        assert sorted([*mine, *shared]) == sorted(one)
        assert sorted([*theirs, *shared]) == sorted(other)
        assert all(row in one and row in other for row in shared)
        equal = [a == b for a, b in zip(one, other, strict=False)]
        assert len(shared) >= 2 * sum(equal[n : n + 2] == [True, True] for n in range(0, len(equal), 2))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        '{"format":2,"rows":0,"columns":0}',
        '{"format":1,"rows":1,"columns":1}',
        '{"format":1,"rows":2,"columns":1}\n["a"]',
        '{"format":1,"rows":1,"columns":1}\n3',
    ],
)
def test_a_text_that_is_no_table_is_a_usage_error(text: str) -> None:
    with pytest.raises(UsageError):
        Table.from_lines(text.splitlines())


@given(documents, texts)
def test_whatever_stands_in_the_file_is_a_table_or_a_usage_error(document: object, text: str) -> None:
    for lines in (json.dumps(document), text, f"{json.dumps(document)}\n{json.dumps(document)}"):
        with suppress(UsageError):
            Table.from_lines(lines.splitlines())
