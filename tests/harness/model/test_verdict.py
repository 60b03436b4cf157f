"""Verdicts are merged by the worst."""

from __future__ import annotations

from itertools import permutations

import pytest

from mcp_crashtest.model.verdict import Finding, Judgement, Verdict, worst

FINDING = Finding("records.lost", "one", (3,), {"keys": ["a"]})


def test_the_order_is_pass_skip_invalid_fail() -> None:
    assert Verdict.PASS < Verdict.SKIP < Verdict.INVALID < Verdict.FAIL


@pytest.mark.parametrize("order", list(permutations(Verdict)))
def test_a_fail_is_never_masked(order: tuple[Verdict, ...]) -> None:
    assert worst(order) is Verdict.FAIL


def test_where_nothing_was_assessed_nothing_has_passed() -> None:
    assert worst([]) is Verdict.SKIP


@pytest.mark.parametrize(
    ("findings", "unproven", "verdict"),
    [
        ((), (), Verdict.PASS),
        ((), ("it lives on",), Verdict.INVALID),
        ((FINDING,), (), Verdict.FAIL),
        ((FINDING,), ("it lives on",), Verdict.FAIL),
    ],
)
def test_a_judgement_fails_with_any_finding_and_is_invalid_with_anything_unproven(
    findings: tuple[Finding, ...], unproven: tuple[str, ...], verdict: Verdict
) -> None:
    assert Judgement(findings, unproven, 1).verdict is verdict


def test_a_judgement_as_json_holds_everything() -> None:
    assert Judgement((FINDING,), ("x",), 2, (0.5,), 1, True).to_json() == {
        "verdict": "FAIL",
        "findings": [
            {"invariant": "records.lost", "message": "one", "operations": [3], "evidence": {"keys": ["a"]}},
        ],
        "unproven": ["x"],
        "faults_planned": 0,
        "faults_confirmed": 2,
        "kills_confirmed": 1,
        "refused": True,
        "recoveries_s": [0.5],
        "offsets": [],
    }
