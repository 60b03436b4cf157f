"""Baselines: what is expected fails nobody and earns nothing; what is new, or no longer there, fails."""

from __future__ import annotations

from typing import Any

import pytest

from mcp_crashtest.commands.exit_codes import ExitCode, of_session
from mcp_crashtest.model.baseline import Baseline
from mcp_crashtest.reporting.certificate import summary_lines
from mcp_crashtest.reporting.stars import Selection
from mcp_crashtest.reporting.weighing import comparison_of
from tests.harness.reporting.samples import (
    CATALOGUE,
    KILLED,
    LOST,
    TWICE,
    UNDISTURBED,
    expecting,
    finding,
    scenario,
    session,
)

KNOWN = expecting("records.lost")
DOUBLED = finding("records.duplicated")


def test_what_is_expected_fails_nobody_and_earns_no_star() -> None:
    certificate = session(UNDISTURBED, LOST, TWICE, expected=[KNOWN])
    assert of_session(certificate, []) == ExitCode.CERTIFIED
    assert (certificate["verdict"], certificate["level"]) == ("FAIL", 1)
    lines = summary_lines(certificate)
    assert lines[0] == "FAIL: mine earned \N{BLACK STAR}, and failed at what it was asked for beyond"
    assert "asked for \N{BLACK STAR}\N{BLACK STAR}, and mine did not earn it: killed: FAIL" in lines
    assert any(line.startswith("baseline: expected since 2026-11-01: mine: records.lost in killed") for line in lines)
    assert any(line.startswith("baseline: known.toml holds") and "earns no star" in line for line in lines)


def test_without_a_baseline_the_same_session_fails() -> None:
    assert of_session(session(UNDISTURBED, LOST, TWICE), []) == ExitCode.VIOLATED


@pytest.mark.parametrize(
    "scenarios",
    [
        pytest.param((UNDISTURBED, LOST, {**TWICE, **{k: LOST[k] for k in ("verdict", "broken")}}), id="elsewhere"),
        pytest.param((UNDISTURBED, {**LOST, "findings": [*LOST["findings"], DOUBLED]}), id="beside it"),
        pytest.param((UNDISTURBED, {**LOST, "broken": ["records.lost", "records.duplicated"]}), id="in another run"),
    ],
)
def test_what_is_not_expected_fails_and_is_named(scenarios: tuple[dict[str, Any], ...]) -> None:
    certificate = session(*scenarios, expected=[KNOWN])
    assert of_session(certificate, []) == ExitCode.VIOLATED
    [new] = certificate["baseline"]["unexpected"]
    assert any(f"not expected: mine: {new['invariant']} in {new['scenario']}" in s for s in summary_lines(certificate))


def test_a_stale_entry_fails_a_session_that_found_nothing() -> None:
    certificate = session(UNDISTURBED, KILLED, TWICE, expected=[KNOWN])
    assert certificate["verdict"] == "PASS"
    assert of_session(certificate, []) == ExitCode.VIOLATED
    assert any("baseline: stale: mine: records.lost in killed" in line for line in summary_lines(certificate))


def test_an_entry_of_a_scenario_that_there_is_not_is_stale_and_of_one_that_was_not_asked_for_is_not() -> None:
    gone = expecting("records.lost", scenario="renamed-since")
    whole = session(UNDISTURBED, KILLED, TWICE, expected=[gone])
    assert [one["why"] for one in whole["baseline"]["stale"]] == ["there is no scenario of this name"]
    selected = session(UNDISTURBED, expected=[gone, KNOWN], selection=Selection(None, scenarios=("undisturbed",)))
    assert of_session(selected, []) == ExitCode.CERTIFIED
    assert [one["why"] for one in selected["baseline"]["untried"]] == ["its scenario was not asked for"] * 2


@pytest.mark.parametrize(
    ("changes", "entry", "why"),
    [
        ({"verdict": "INVALID", "reason": "a fault did not land"}, {}, "was not played to its end"),
        ({"verdict": "SKIP", "reason": "no right to kill"}, {}, "was not played to its end"),
        ({}, {"sometimes": True}, "does not show each time"),
        ({}, {"profile": "another"}, "no subject of this session"),
    ],
)
def test_what_nobody_could_see_is_not_stale(changes: dict[str, Any], entry: dict[str, Any], why: str) -> None:
    certificate = session(UNDISTURBED, {**KILLED, **changes}, TWICE, expected=[expecting("records.lost", **entry)])
    assert certificate["baseline"]["stale"] == []
    [untried] = certificate["baseline"]["untried"]
    assert why in untried["why"]


@pytest.mark.parametrize(("budget", "stale"), [("quick", 0), ("look", 0), ("fitted", 0), ("core", 1), ("full", 1)])
def test_only_who_looked_as_thoroughly_as_a_star_is_owed_calls_an_entry_stale(budget: str, stale: int) -> None:
    certificate = session(UNDISTURBED, KILLED, TWICE, expected=[KNOWN], budget=budget)
    assert len(certificate["baseline"]["stale"]) == stale


def test_two_findings_of_one_scenario_of_which_one_showed_are_as_expected() -> None:
    certificate = session(UNDISTURBED, LOST, TWICE, expected=[KNOWN, expecting("records.duplicated")])
    assert of_session(certificate, []) == ExitCode.CERTIFIED
    assert [one["why"] for one in certificate["baseline"]["untried"]] == ["its scenario has stopped at another finding"]


@pytest.mark.parametrize("other", [{"verdict": "INVALID", "reason": "?"}, {"verdict": "SKIP", "reason": "no right"}])
def test_what_else_stands_in_the_way_of_a_star_is_not_pardoned(other: dict[str, Any]) -> None:
    certificate = session(UNDISTURBED, LOST, {**TWICE, **other}, expected=[KNOWN])
    assert of_session(certificate, []) == ExitCode.NOT_PROVEN


def test_errors_that_ended_a_scenario_come_before_what_is_expected() -> None:
    certificate = session(UNDISTURBED, LOST, TWICE, expected=[KNOWN])
    assert of_session(certificate, ["subject"]) == ExitCode.NO_SUBJECT


def test_a_failure_without_a_finding_is_pardoned_by_nothing() -> None:
    bare = scenario("killed", verdict="FAIL")
    assert of_session(session(UNDISTURBED, bare, TWICE, expected=[KNOWN]), []) == ExitCode.VIOLATED


def test_bringing_up_to_date_keeps_reasons_adds_what_is_new_and_drops_what_is_stale() -> None:
    gone, unplayed = expecting("task.vanished", "killed-twice"), expecting("records.lost", profile="another")
    scenarios = (UNDISTURBED, {**LOST, "findings": [*LOST["findings"], DOUBLED]}, TWICE)
    comparison = comparison_of(session(*scenarios), Baseline("f", (KNOWN, gone, unplayed)), CATALOGUE)
    brought = comparison.brought_up_to_date("issue 13", "2026-11-26")
    assert brought == [KNOWN, unplayed, expecting("records.duplicated", reason="issue 13", date="2026-11-26")]
    again = comparison_of(session(*scenarios), Baseline("f", tuple(brought)), CATALOGUE)
    assert again.holds
