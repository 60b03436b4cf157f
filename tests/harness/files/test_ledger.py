"""The ledger: effects are counted by task and record; a torn last line did not happen."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mcp_crashtest.files.ledger import Effects, read_effects
from mcp_crashtest.model.columns import Table
from mcp_crashtest.model.errors import SubjectError
from mcp_crashtest.model.observe_spec import LedgerSpec


def test_executions_are_counted_in_the_order_of_the_first(tmp_path: Path) -> None:
    ledger = tmp_path / "effects"
    ledger.write_text('{"task":"t","record":"b"}\n{"task":"t","record":"a"}\n{"task":"t","record":"b"}\n')
    assert read_effects(ledger) == Effects(Table.of([("t", "b", 2), ("t", "a", 1)], width=3), stretches=1)


def test_a_line_torn_by_a_kill_is_an_effect_that_did_not_happen(tmp_path: Path) -> None:
    ledger = tmp_path / "effects"
    ledger.write_text('{"task":"t","record":"a"}\n{"task":"t","rec')
    assert read_effects(ledger) == Effects(Table.of([("t", "a", 1)], width=3), stretches=0)


def test_no_ledger_is_not_an_empty_one(tmp_path: Path) -> None:
    assert read_effects(tmp_path / "none") is None
    (tmp_path / "empty").touch()
    assert read_effects(tmp_path / "empty") == Effects(Table.of([], width=3), stretches=0)


@pytest.mark.parametrize("line", ["not json", "[]", '{"task":"t"}', "3"])
def test_a_line_that_is_no_effect_is_the_subjects_error(tmp_path: Path, line: str) -> None:
    ledger = tmp_path / "effects"
    ledger.write_text(f'{{"task":"t","record":"a"}}\n{line}\n')
    with pytest.raises(SubjectError, match="line 2"):
        read_effects(ledger)


@pytest.mark.parametrize(("done", "stretches"), [("abc", 0), ("ababc", 1), ("abcabc", 1), ("aabbcc", 3), ("abcab", 1)])
def test_work_done_again_is_counted_in_stretches(tmp_path: Path, done: str, stretches: int) -> None:
    ledger = tmp_path / "effects"
    ledger.write_text("".join(f'{{"task":"t","record":"{record}"}}\n' for record in done))
    effects = read_effects(ledger)
    assert effects is not None
    assert effects.stretches == stretches


@pytest.mark.parametrize(
    ("lines", "stretches"),
    [("ta ua tb tc ta ub tb tc uc td", 1), ("ta tb ta ua tb ub tc ua ub uc", 1), ("ta ua ta ua tb ub tb ub", 2)],
)
def test_what_another_task_does_between_is_no_new_stretch(tmp_path: Path, lines: str, stretches: int) -> None:
    """Two jobs that a crash has sent back each do again what they had done, by turns."""
    ledger = tmp_path / "ledger"
    rows = [json.dumps({"task": said[0], "record": said[1]}) for said in lines.split()]
    ledger.write_text("\n".join(rows) + "\n", encoding="utf-8")
    effects = read_effects(ledger)
    assert effects is not None
    assert effects.stretches == stretches


def test_lines_with_other_names_are_read_where_they_say(tmp_path: Path) -> None:
    ledger = tmp_path / "effects"
    ledger.write_text('{"job":"t","row":{"key":1}}\n{"job":"t","row":{"key":1}}\n')
    assert read_effects(ledger, LedgerSpec("$.row.key", "$.job")) == Effects(Table.of([("t", "1", 2)], width=3), 1)
    alone = read_effects(ledger, LedgerSpec("$.row.key", None))
    assert alone is not None
    assert [(record, times) for _, record, times in alone.executions] == [("1", 2)]
    with pytest.raises(SubjectError, match=r'line 1 .* \[observe\] ledger = \{ task = "\$\.job"'):
        read_effects(ledger)
