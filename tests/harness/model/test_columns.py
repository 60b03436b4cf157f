"""Tables: rows kept by columns, and their text."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given

from mcp_crashtest.model.columns import Table, digest_of
from mcp_crashtest.model.errors import UsageError
from tests.harness.model.strategies import columns, documents, texts

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
