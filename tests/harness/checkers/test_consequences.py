"""What follows from another finding is told with it, and what does not is told by itself."""

from __future__ import annotations

from mcp_crashtest.checkers.consequences import told_once
from mcp_crashtest.model.verdict import Finding

LOST = Finding("records.lost", "10 of 50", (9,))
COUNT = Finding("records.count", "reports 50, holds 40", (9,))
SUCCESS = Finding("task.false-success", "completed with 40", (9,))


def test_lost_records_explain_a_wrong_count_and_a_success_that_is_none() -> None:
    [told] = told_once([COUNT, LOST, SUCCESS])
    assert told.invariant == "records.lost"
    assert told.evidence["also"] == ["records.count", "task.false-success"]


def test_a_wrong_count_alone_is_told() -> None:
    assert told_once([COUNT]) == [COUNT]


def test_a_success_without_records_to_compare_is_told() -> None:
    assert told_once([SUCCESS, COUNT]) == [SUCCESS, COUNT]


def test_what_is_about_another_output_is_told() -> None:
    other = Finding("records.count", "reports 60", (15,))
    assert told_once([LOST, other]) == [LOST, other]


def test_a_result_that_lacks_a_part_is_told_beside_lost_records() -> None:
    lacking = Finding("task.false-success", "does not say 'sum'", (3, 9), {"missing": ["sum"]})
    assert told_once([LOST, lacking]) == [LOST, lacking]
