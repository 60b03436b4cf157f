"""SARIF: a rule for each invariant, a result for each finding, at a file of the repository, found again next time."""

from __future__ import annotations

import importlib
import json
from typing import Any

import pytest

from mcp_crashtest.model.fingerprints import fingerprint
from mcp_crashtest.model.invariants import INVARIANTS
from mcp_crashtest.reporting.sarif import sarif
from tests.harness.reporting.samples import (
    FOR_CLIENTS,
    HOSTILE,
    KILLED,
    LOST,
    TWICE,
    UNDISTURBED,
    expecting,
    finding,
    scenario,
    session,
)
from tests.schemas import SARIF, schema

UNPROVEN = scenario("killed-twice", verdict="INVALID", reason="a fault did not land")


def only_run(certificate: dict[str, Any]) -> dict[str, Any]:
    [run] = sarif(certificate)["runs"]
    return dict(run)


def places(run: dict[str, Any]) -> list[str]:
    found = [one["physicalLocation"]["artifactLocation"] for one in run["results"][0]["locations"]]
    return [one["uri"] for one in found]


def test_a_finding_names_its_rule_with_help_and_where_it_can_be_mended() -> None:
    run = only_run(session(UNDISTURBED, LOST, TWICE))
    [result] = run["results"]
    rule = run["tool"]["driver"]["rules"][result["ruleIndex"]]
    assert rule["id"] == result["ruleId"] == "records.lost"
    assert rule["help"]["text"] == INVARIANTS["records.lost"].advice
    assert result["partialFingerprints"] == {"mcpCrashtest/v1": fingerprint("mine", "killed", "records.lost")}
    assert "record 7 is gone" in result["message"]["text"]
    assert "Replay: mcp-crashtest replay report/mine/killed/0002" in result["message"]["text"]
    assert places(run) == ["src/server.py"]
    assert run["results"][0]["relatedLocations"][0]["physicalLocation"]["artifactLocation"]["uri"] == (
        "conf/my%20profile.toml"
    )


def test_where_the_server_is_not_known_it_is_shown_at_the_profile_and_else_nowhere() -> None:
    assert places(only_run(session(LOST, files={"profile": "crashtest.toml"}))) == ["crashtest.toml"]
    [result] = only_run(session(LOST, files={}))["results"]
    assert result["locations"] == [{"logicalLocations": [{"name": "killed", "kind": "test"}]}]


def test_a_first_look_has_a_category_of_its_own_so_that_it_closes_no_alert() -> None:
    names = [only_run(session(UNDISTURBED, budget=b))["automationDetails"]["id"] for b in ("quick", "core")]
    assert names == ["mcp-crashtest/mine/quick/", "mcp-crashtest/mine/core/"]


def test_what_is_expected_is_suppressed_with_its_reason_and_nothing_else_is() -> None:
    both = {**LOST, "findings": [*LOST["findings"], finding("records.duplicated")]}
    results = only_run(session(UNDISTURBED, both, expected=[expecting("records.lost")]))["results"]
    assert [one.get("suppressions") for one in results] == [[{"kind": "external", "justification": "issue 12"}], None]


def test_what_another_run_found_broken_is_there_too() -> None:
    run = only_run(session({**LOST, "broken": ["records.lost", "task.vanished"]}))
    assert [one["ruleId"] for one in run["results"]] == ["records.lost", "task.vanished"]


def test_a_session_that_proved_nothing_was_not_successful_and_says_why() -> None:
    [told] = only_run(session(UNDISTURBED, UNPROVEN))["invocations"]
    assert told["executionSuccessful"] is False
    assert "a fault did not land" in told["toolExecutionNotifications"][0]["message"]["text"]
    [whole] = only_run(session(UNDISTURBED, KILLED))["invocations"]
    assert whole["executionSuccessful"] is True


@pytest.mark.parametrize(
    "certificate",
    [
        session(UNDISTURBED, KILLED, TWICE, FOR_CLIENTS),
        session(UNDISTURBED, LOST, UNPROVEN, finished=False, expected=[expecting("records.lost")]),
        session({**LOST, "findings": [finding("records.lost", message=HOSTILE)]}, files={}),
    ],
)
def test_it_keeps_to_the_schema(certificate: dict[str, Any]) -> None:
    rules = importlib.import_module("jsonschema").Draft7Validator(json.loads(schema(SARIF).read_text()))
    log = json.loads(json.dumps(sarif(certificate)))
    assert [error.message for error in rules.iter_errors(log)] == []
    del log["runs"][0]["tool"]  # a schema that could not fail would show nothing
    assert not rules.is_valid(log)
