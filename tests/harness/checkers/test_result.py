"""The result beside its records: what the undisturbed run's showed is there in every run."""

from __future__ import annotations

from typing import Any

import pytest

from mcp_crashtest.model.operation import History
from tests.harness.checkers.histories import PASS, boot, end, fail, history, output, submit, verdict

SHOWED: dict[str, Any] = {"count": 6, "shape": ["result", "status"], "errors": {}}


def shown(count: Any = 6, showed: dict[str, Any] | None = None, **result: Any) -> History:
    value = {"shape": ["result", "status"], "errors": {}, **result}
    return history([boot(), submit(), output("abcdef", count, **value), end()], showed=showed or SHOWED)


def test_a_result_that_shows_what_the_undisturbed_one_did_passes() -> None:
    assert verdict(shown()) == PASS


def test_a_count_that_the_undisturbed_run_had_and_this_one_lacks_is_a_wrong_count() -> None:
    assert verdict(shown(None)) == fail("records.count")
    assert verdict(shown(None, {**SHOWED, "count": None})) == PASS


def test_a_result_that_has_disappeared_from_a_completed_task_is_a_false_success() -> None:
    assert verdict(shown(shape=["status"])) == fail("task.false-success")
    assert verdict(shown(shape=None)) == fail("task.false-success")


def test_a_result_that_says_more_than_the_undisturbed_one_passes() -> None:
    assert verdict(shown(shape=["notes", "result", "status"])) == PASS


def test_a_result_that_never_was_a_table_is_asked_for_no_names() -> None:
    assert verdict(shown(showed={**SHOWED, "shape": None}, shape=None)) == PASS


@pytest.mark.parametrize("errors", [{"error": "disk full"}, {"success": "False"}])
def test_an_error_in_a_completed_document_is_no_honest_answer(errors: dict[str, str]) -> None:
    assert verdict(shown(errors=errors)) == fail("error.honest")


def test_an_error_that_the_undisturbed_run_shows_too_is_a_way_of_speaking() -> None:
    errors = {"errors": "0 rows skipped"}
    assert verdict(shown(showed={**SHOWED, "errors": errors}, errors=errors)) == PASS


def test_of_a_history_that_does_not_hold_what_the_golden_run_showed_nothing_is_asked() -> None:
    assert verdict(history([boot(), submit(), output("abcdef", None), end()])) == PASS
