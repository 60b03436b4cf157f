"""Certificates: what a session's scenarios add up to."""

from __future__ import annotations

from typing import Any

import pytest

from mcp_crashtest.model.errors import UsageError
from mcp_crashtest.reporting.certificate import certificate, read_certificate, summary_lines
from mcp_crashtest.reporting.stars import Listed, Selection


def scenario(level: int, verdict: str, **changes: Any) -> dict[str, Any]:
    return {
        "id": "a-scenario",
        "profile": "subject",
        "level": level,
        "story": "",
        "verdict": verdict,
        "reason": "",
        "plans": 4,
        "runs": 1,
        "faults_confirmed": 1,
        "faults_unconfirmed": 0,
        "kills_confirmed": 1,
        "fell": [1, *[0] * 9],
        "late_looks": 1,
        "recoveries_s": [0.1],
        "findings": [],
        **changes,
    }


TIMES = {"began": "2026-11-25T18:00:00+00:00", "ended": "2026-11-25T18:01:00+00:00"}


CATALOGUE = (Listed("a-scenario", 1), Listed("a-scenario", 2), Listed("a-scenario", 3, client=True))


def summed(*scenarios: dict[str, Any], asked: int | None = None, finished: bool = True) -> dict[str, Any]:
    return certificate(scenarios, {"subject": {}}, Selection(asked), CATALOGUE, seed=0, finished=finished, times=TIMES)


def test_it_is_said_where_in_a_batch_the_kills_fell_and_how_many_looks_were_late() -> None:
    lines = summary_lines(summed(scenario(1, "PASS"), scenario(2, "PASS", late_looks=2)))
    assert "kills and restarts fell into the tenths of a batch: 2 0 0 0 0 0 0 0 0 0" in lines
    assert any(line.endswith("3 restarts were first looked at more than a batch later") for line in lines)


def test_a_session_in_which_everything_was_skipped_has_passed_nothing() -> None:
    assert summed(scenario(1, "SKIP", reason="no right to kill"))["verdict"] == "SKIP"


def test_what_could_not_be_assessed_is_named() -> None:
    shown = summed(scenario(1, "PASS"), scenario(2, "SKIP", id="both-killed", reason="no right to kill", runs=0))
    assert shown["caps"] == ["no right to kill (not run: ** both-killed)"]
    assert "not assessed: no right to kill (not run: ** both-killed)" in summary_lines(shown)


def test_what_makes_no_sense_for_a_subject_is_named_and_takes_no_star() -> None:
    other = {"verdict": "SKIP", "runs": 0, "applies": False, "reason": "it is one call", "standing": "not applicable"}
    for_clients = {**scenario(2, "SKIP", id="client", runs=0, applies=False, reason="it is for clients")}
    shown = summed(
        scenario(1, "PASS"), scenario(2, "PASS"), {**scenario(2, "SKIP", id="second-job"), **other}, for_clients
    )
    assert "not applicable: it is one call (not run: ** second-job)" in summary_lines(shown)
    assert not [line for line in summary_lines(shown) if "for clients" in line]
    assert (shown["caps"], shown["level"]) == ([], 2)


def test_what_of_a_scenario_was_not_tried_is_said_once() -> None:
    noted = {"notes": ["not offered: an idempotency key"]}
    lines = summary_lines(summed(scenario(1, "PASS"), scenario(2, "PASS", **noted), scenario(2, "PASS", **noted)))
    assert lines.count("not offered: an idempotency key") == 1


def test_the_chance_of_a_violation_is_below_three_over_the_number_of_faults() -> None:
    shown = summed(scenario(1, "PASS", faults_confirmed=50), scenario(2, "PASS", faults_confirmed=100))
    assert shown["faults"]["confirmed"] == 150
    assert shown["faults"]["violation_chance_below"] == 0.02


def test_with_few_faults_no_bound_is_given_rather_than_one_that_says_nothing() -> None:
    few = summed(scenario(1, "PASS", faults_confirmed=3), scenario(2, "PASS", faults_confirmed=20))
    assert few["faults"]["violation_chance_below"] is None
    assert not [line for line in summary_lines(few) if "chance" in line]


def test_a_session_that_was_cut_short_is_no_pass_and_a_violation_stays_one() -> None:
    short = summed(scenario(1, "PASS"), scenario(2, "PASS"), finished=False)
    assert short["verdict"] == "INVALID"
    first = summary_lines(short)[0]
    assert first.startswith("cut short behind 2 scenarios: subject earned"), first
    assert "INVALID" not in first
    assert summed(scenario(1, "FAIL"), finished=False)["verdict"] == "FAIL"


def test_recovery_times_are_summed_up_by_quantiles_over_all_scenarios() -> None:
    shown = summed(scenario(1, "PASS", recoveries_s=[0.2, 0.4]), scenario(2, "PASS", recoveries_s=[0.1]))
    assert shown["recovery_s"] == {"p50": 0.2, "p95": 0.4, "max": 0.4}


def test_a_session_without_recoveries_says_so_instead_of_zero() -> None:
    assert summed(scenario(1, "PASS", recoveries_s=[]))["recovery_s"] == {"p50": None, "p95": None, "max": None}


def test_a_scenario_for_subjects_of_another_kind_takes_no_star_and_is_no_cap() -> None:
    other = scenario(2, "SKIP", id="another", applies=False, reason="this scenario is for clients", runs=0)
    certified = summed(scenario(1, "PASS"), scenario(2, "PASS", applies=True), other)
    assert certified["level"] == 2
    assert certified["caps"] == []
    assert certified["scenarios"][2]["reason"] == "this scenario is for clients"


def test_what_was_tried_and_does_not_apply_takes_no_star_and_is_named() -> None:
    tried = scenario(2, "SKIP", id="restart", applies=False, reason="it does its job before it stops", runs=6)
    certified = summed(scenario(1, "PASS"), scenario(2, "PASS", applies=True), tried)
    assert certified["level"] == 2
    assert [cap.partition(" (")[0] for cap in certified["caps"]] == ["it does its job before it stops"]


def test_it_says_what_was_selected_whether_the_session_finished_when_and_with_what() -> None:
    selection = Selection(2, 3, ("kills",), budget="quick")
    shown = certificate(
        [scenario(1, "PASS")], {"subject": {}}, selection, CATALOGUE, seed=7, finished=False, times=TIMES
    )
    assert shown["format"] == 2
    assert shown["selection"] == {
        "level": 2,
        "highest": 3,
        "scenarios": ("kills",),
        "budget": "quick",
        "own": False,
        "again": False,
        "time_limit_s": None,
    }
    assert shown["finished"] is False
    assert shown["times"] == TIMES
    assert {"mcp_crashtest", "python", "system", "pytest", "hypothesis", "h11"} <= set(shown["environment"])
    assert (shown["scenarios"][0]["plans"], shown["scenarios"][0]["runs"]) == (4, 1)


def test_a_certificate_of_format_1_is_read_and_what_it_did_not_say_is_not_known() -> None:
    new = summed(scenario(1, "PASS"))
    old = {**{k: v for k, v in new.items() if k not in ("selection", "finished", "times")}, "format": 1}
    read = read_certificate(old)
    assert read == {**new, "selection": None, "finished": None, "times": None}
    assert summary_lines(read) == summary_lines(new)


def test_a_certificate_comes_back_as_it_was_and_one_of_an_unknown_format_is_refused() -> None:
    new = summed(scenario(1, "PASS"))
    assert read_certificate(new) == new
    with pytest.raises(UsageError, match="has format 3, this version of mcp-crashtest reads formats 1 and 2"):
        read_certificate({**new, "format": 3})


def test_faults_that_fell_late_are_counted_in_a_line_and_none_is_no_line() -> None:
    late = summed(scenario(1, "PASS", late=2), scenario(2, "PASS", late=3))
    assert late["faults"]["late"] == 5
    assert [line for line in summary_lines(late) if line.startswith("5 faults fell more than half a batch behind")]
    assert not [line for line in summary_lines(summed(scenario(1, "PASS"))) if "behind their place" in line]
