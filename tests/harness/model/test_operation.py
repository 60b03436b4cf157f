"""The history and its lines."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_crashtest.model.columns import Table
from mcp_crashtest.model.errors import UsageError
from mcp_crashtest.model.operation import Header, History, Op, Operation, Type
from tests.harness.model.strategies import documents, headers, histories, operations

HEADER = Header(
    seed=7,
    scenario="kill",
    plan={},
    profile="mine",
    profile_digest="d",
    contract="resource-task",
    blocking=False,
    claims={},
    workload={},
    subject={},
)
SUBMIT = Operation(0, 0.5, "client-0", Type.INVOKE, Op.SUBMIT, None, 1, {"tool": "start"})
LINE = (
    '{"i":0,"t":0.5,"process":"client-0","type":"invoke","op":"submit","task":null,"life":1,"value":{"tool":"start"}}'
)


def test_an_operation_is_one_line_of_json() -> None:
    assert SUBMIT.to_line() == LINE
    assert Operation.from_json(json.loads(LINE)) == SUBMIT


@given(operations)
def test_an_operation_comes_back_from_its_line(operation: Operation) -> None:
    line = operation.to_line()
    assert line.isascii()
    assert len(line.splitlines()) == 1
    assert Operation.from_json(json.loads(line)) == operation


@given(headers)
def test_a_header_comes_back_from_its_line(header: Header) -> None:
    assert Header.from_json(json.loads(header.to_line())) == header


@given(histories)
def test_a_history_comes_back_from_its_lines(history: History) -> None:
    read = History.from_lines(history.to_lines())
    assert (read.header, tuple(read.operations)) == (history.header, history.operations)
    assert list(read.to_lines()) == list(history.to_lines())


def test_lines_may_end_as_a_files_lines_do() -> None:
    lines = [line + "\n" for line in History(HEADER, (SUBMIT,)).to_lines()]
    assert list(History.from_lines(lines).operations) == [SUBMIT]


@given(histories, st.data())
def test_a_torn_last_line_is_named(history: History, data: st.DataObject) -> None:
    *whole, last = history.to_lines()
    torn = last[: data.draw(st.integers(0, len(last) - 1))]
    with pytest.raises(UsageError, match=f"line {len(whole) + 1} of this history cannot be read"):
        History.from_lines([*whole, torn])


@given(documents)
def test_whatever_json_stands_in_a_line_is_an_event_or_a_usage_error(document: object) -> None:
    with suppress(UsageError):
        History.from_lines([HEADER.to_line(), json.dumps(document)])


@pytest.mark.parametrize("value", ["1e999", "NaN", '"x"', "null", "[]"])
@pytest.mark.parametrize("name", ["i", "t", "life", "type", "op", "value"])
def test_an_event_with_a_value_of_the_wrong_kind_never_ends_in_anything_but_a_usage_error(
    name: str, value: str
) -> None:
    data = {**json.loads(LINE), name: json.loads(value)}
    with suppress(UsageError):
        History.from_lines([HEADER.to_line(), json.dumps(data)])


@pytest.mark.parametrize("line", ["[]", "3", '"x"', "null", "{", "", "[" * 100_000])
def test_a_first_line_that_is_no_header_is_named(line: str) -> None:
    with pytest.raises(UsageError, match=r"line 1 of this history|format None"):
        History.from_lines([line])


def test_a_task_that_is_no_name_is_refused() -> None:
    with pytest.raises(UsageError, match="line 2"):
        History.from_lines([HEADER.to_line(), LINE.replace("null", '["t"]')])


def test_an_empty_history_is_refused() -> None:
    with pytest.raises(UsageError, match="empty"):
        History.from_lines([])


@pytest.mark.parametrize("version", [0, 3, "2", None])
def test_a_history_of_an_unknown_format_is_refused_with_the_format_that_is_known(version: object) -> None:
    data = {**json.loads(HEADER.to_line()), "format": version}
    with pytest.raises(UsageError, match=r"reads formats 1 and 2: recheck it with the version that wrote it"):
        History.from_lines([json.dumps(data)])


def test_a_table_stands_in_the_line_by_its_reference_and_comes_back_from_beside_it() -> None:
    table = Table.of([("a", "1"), ("b", "2")], width=2)
    shown = Operation(0, 0.5, "client-0", Type.OK, Op.OUTPUT, "t", 1, {"records": table, "count": 2})
    line = shown.to_line()
    assert json.loads(line)["value"] == {"records": {"columns": table.digest, "rows": 2}, "count": 2}
    history = History.from_lines([HEADER.to_line(), line], {table.digest: table}.__getitem__)
    assert list(history.operations) == [shown]


def test_a_table_that_is_not_beside_the_history_is_a_usage_error() -> None:
    line = Operation(0, 0.5, "c", Type.OK, Op.OUTPUT, None, 1, {"records": Table.of([], width=2)}).to_line()
    with pytest.raises(UsageError, match="which is not beside it"):
        History.from_lines([HEADER.to_line(), line])


OLD_HEADER = {**json.loads(HEADER.to_line()), "format": 1, "contract": "resumable-tool"}
del OLD_HEADER["blocking"]


def test_a_history_of_format_1_is_read_in_the_words_of_format_2() -> None:
    fault = {"action": "kill", "victim": "server", "task": 0, "batch": 3, "phase": "acknowledged"}
    old = {"i": 0, "t": 1.5, "process": "nemesis", "type": "ok", "op": "fault", "task": None, "boot": 2, "value": fault}
    history = History.from_lines([json.dumps(OLD_HEADER), json.dumps(old)])
    assert history.header.blocking
    assert history.header.format == 2
    [event] = history.operations
    assert event.life == 2
    assert event.value["kind"] == "kill"


def test_a_header_of_format_1_with_a_contract_that_there_never_was_is_refused() -> None:
    with pytest.raises(UsageError, match="line 1"):
        History.from_lines([json.dumps({**OLD_HEADER, "contract": "telepathy"})])


def test_events_are_found_by_operation_and_type_in_their_order() -> None:
    done = Operation(1, 1.0, "client-0", Type.OK, Op.SUBMIT)
    seen = Operation(2, 2.0, "client-0", Type.OK, Op.PROGRESS)
    history = History(HEADER, (SUBMIT, done, seen))
    assert list(history.of(Op.SUBMIT)) == [SUBMIT, done]
    assert list(history.of(Op.SUBMIT, Op.PROGRESS, types=[Type.OK])) == [done, seen]
    assert list(history.of(Op.CANCEL)) == []
