"""Certificates: what a session's scenarios add up to."""

from __future__ import annotations

from typing import Any

import pytest

from mcp_crashtest.reporting.certificate import certificate, earned, exit_code, summary_lines


def scenario(level: int, verdict: str, **changes: Any) -> dict[str, Any]:
    return {
        "id": "a-scenario",
        "profile": "subject",
        "level": level,
        "story": "",
        "verdict": verdict,
        "reason": "",
        "runs": 1,
        "faults_confirmed": 1,
        "faults_unconfirmed": 0,
        "kills_confirmed": 1,
        "recoveries_s": [0.1],
        "findings": [],
        **changes,
    }


def summed(*scenarios: dict[str, Any], asked: int | None = None) -> dict[str, Any]:
    return certificate(scenarios, {"subject": {}}, seed=0, asked=asked, highest=asked or 2)


@pytest.mark.parametrize(
    ("verdicts", "level"),
    [
        ([(1, "PASS"), (2, "PASS")], 2),
        ([(1, "PASS"), (2, "FAIL")], 1),
        ([(1, "PASS"), (2, "INVALID")], 1),
        ([(1, "PASS"), (2, "PASS"), (2, "SKIP")], 1),
        ([(1, "FAIL"), (2, "PASS")], 0),
        ([(2, "PASS")], 0),
        ([], 0),
    ],
)
def test_a_level_is_earned_when_it_and_all_lower_ones_have_passed(verdicts: list[tuple[int, str]], level: int) -> None:
    assert earned([scenario(number, verdict) for number, verdict in verdicts], 2) == level


def test_several_subjects_have_earned_what_the_least_of_them_has() -> None:
    client = [scenario(level, "PASS", profile="client") for level in (1, 2, 3)]
    server = [scenario(level, "PASS", profile="server") for level in (1, 2)]
    foreign = scenario(3, "SKIP", profile="server", applies=False)
    assert earned(client, 3) == 3
    assert earned([*client, *server, foreign], 3) == 2


@pytest.mark.parametrize(
    ("verdicts", "asked", "errors", "code"),
    [
        (["PASS", "PASS"], None, [], 0),
        (["PASS", "PASS"], 2, [], 0),
        (["PASS", "SKIP"], None, [], 0),
        (["PASS", "SKIP"], 2, [], 4),
        (["PASS", "FAIL"], None, [], 1),
        (["FAIL", "INVALID"], None, ["harness", "subject"], 1),
        (["PASS", "INVALID"], None, [], 4),
        (["INVALID", "INVALID"], None, ["subject"], 3),
        (["INVALID", "INVALID"], None, ["subject", "harness"], 4),
        (["INVALID", "INVALID"], None, ["usage"], 2),
    ],
)
def test_the_exit_code_follows_from_the_worst_verdict_and_never_masks_a_violation(
    verdicts: list[str], asked: int | None, errors: list[str], code: int
) -> None:
    scenarios = [scenario(level, verdict) for level, verdict in enumerate(verdicts, start=1)]
    assert exit_code(summed(*scenarios, asked=asked), errors) == code


def test_a_session_in_which_everything_was_skipped_has_passed_nothing() -> None:
    assert summed(scenario(1, "SKIP", reason="no right to kill"))["verdict"] == "SKIP"


def test_what_could_not_be_assessed_is_named() -> None:
    shown = summed(scenario(1, "PASS"), scenario(2, "SKIP", id="both-killed", reason="no right to kill"))
    assert shown["caps"] == ["no right to kill (not run: ** both-killed)"]
    assert "not assessed: no right to kill (not run: ** both-killed)" in summary_lines(shown)


def test_the_chance_of_a_violation_is_below_three_over_the_number_of_faults() -> None:
    shown = summed(scenario(1, "PASS", faults_confirmed=50), scenario(2, "PASS", faults_confirmed=100))
    assert shown["faults"]["confirmed"] == 150
    assert shown["faults"]["violation_chance_below"] == 0.02


def test_recovery_times_are_summed_up_by_quantiles_over_all_scenarios() -> None:
    shown = summed(scenario(1, "PASS", recoveries_s=[0.2, 0.4]), scenario(2, "PASS", recoveries_s=[0.1]))
    assert shown["recovery_s"] == {"p50": 0.2, "p95": 0.4, "max": 0.4}


def test_a_session_without_recoveries_says_so_instead_of_zero() -> None:
    assert summed(scenario(1, "PASS", recoveries_s=[]))["recovery_s"] == {"p50": None, "p95": None, "max": None}


def test_a_scenario_for_subjects_of_another_kind_takes_no_star_and_is_no_cap() -> None:
    other = scenario(2, "SKIP", applies=False, reason="this scenario is for clients")
    certified = summed(scenario(1, "PASS"), scenario(2, "PASS", applies=True), other)
    assert certified["level"] == 2
    assert certified["caps"] == []
    assert certified["scenarios"][2]["reason"] == "this scenario is for clients"
