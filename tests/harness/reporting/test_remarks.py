"""Remarks of many runs: each kind once, lines that are no messages counted over all of them."""

from __future__ import annotations

from typing import Any

from mcp_crashtest.reporting.remarks import merged


def scenario(*remarks: dict[str, Any], profile: str = "mine") -> dict[str, Any]:
    return {"profile": profile, "remarks": list(remarks)}


def lines(number: int, *texts: str) -> dict[str, Any]:
    evidence = {"lines": number, "texts": list(texts)}
    return {"invariant": "wire.invalid", "message": f"{number} lines", "evidence": evidence, "advice": "to stderr"}


def other(message: str) -> dict[str, Any]:
    return {"invariant": "error.honest", "message": message, "evidence": {}}


def test_lines_are_counted_over_all_runs_and_the_first_texts_are_shown() -> None:
    [remark] = merged([scenario(lines(2, "a", "b"), lines(3, "b", "c", "d")), scenario(lines(1, "e"))])
    assert remark["message"] == "standard output had 6 lines in 3 runs that are no message: 'a'; 'b'; 'c'"
    assert (remark["runs"], remark["advice"]) == (3, "to stderr")


def test_one_line_is_said_as_one() -> None:
    [remark] = merged([scenario(lines(1, "a"))])
    assert remark["message"] == "standard output had a line in a run that is no message: 'a'"


def test_each_remark_stands_once_for_each_subject() -> None:
    told = merged([scenario(other("x"), other("x"), other("y")), scenario(other("x"), profile="other"), scenario()])
    assert [(one["profile"], one["message"], one["runs"]) for one in told] == [
        ("mine", "x", 2),
        ("mine", "y", 1),
        ("other", "x", 1),
    ]
