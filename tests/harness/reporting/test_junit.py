"""JUnit XML: what a CI server shows of a session, and that it keeps to the schema."""

from __future__ import annotations

import importlib
from typing import Any
from xml.etree import ElementTree

import pytest

from mcp_crashtest.reporting.junit import junit
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
from tests.schemas import JUNIT, schema

UNPROVEN = scenario("killed-twice", verdict="INVALID", reason="INVALID, 4 runs prove nothing: a fault did not land")
SKIPPED = scenario("killed", verdict="SKIP", reason="no right to kill the server", runs=0)
KNOWN = expecting("records.lost")


def parsed(certificate: dict[str, Any]) -> ElementTree.Element:
    return ElementTree.fromstring(junit(certificate))


def case(top: ElementTree.Element, name: str) -> ElementTree.Element:
    found = top.find(f".//testcase[@name='{name}']")
    assert found is not None
    return found


def test_each_scenario_is_a_case_and_what_is_for_another_kind_is_not_there() -> None:
    top = parsed(session(UNDISTURBED, LOST, UNPROVEN, FOR_CLIENTS))
    assert [one.get("name") for one in top.iter("testcase")] == ["undisturbed", "killed", "killed-twice"]
    assert {one.get("classname") for one in top.iter("testcase")} == {"mcp-crashtest.mine"}
    assert [top.get(name) for name in ("tests", "failures", "errors")] == ["3", "1", "1"]
    assert case(top, "undisturbed").get("time") == "1.500"


def test_properties_say_seed_faults_kills_and_level() -> None:
    top = parsed(session(UNDISTURBED, LOST, TWICE))
    said = {one.get("name"): one.get("value") for one in top.iter("property")}
    assert {name: said[name] for name in ("seed", "faults", "kills", "level", "level_asked", "verdict")} == {
        "seed": "7",
        "faults": "90",
        "kills": "60",
        "level": "1",
        "level_asked": "2",
        "verdict": "FAIL",
    }
    assert (said["killed.faults"], said["killed.kills"], said["killed.level"]) == ("30", "20", "2")


def test_a_failing_case_has_the_finding_the_replay_line_and_the_advice() -> None:
    failure = case(parsed(session(UNDISTURBED, LOST)), "killed").find("failure")
    assert failure is not None
    assert failure.text is not None
    assert (failure.get("type"), failure.get("message")) == ("records.lost", "record 7 is gone")
    assert "replay: mcp-crashtest replay report/mine/killed/0002" in failure.text
    assert "advice: The checkpoint ran ahead of the data." in failure.text
    assert "must hold: every record of the workload is in the final output" in failure.text


def test_what_proves_nothing_is_an_error_and_what_is_not_assessed_is_skipped_with_its_reason() -> None:
    top = parsed(session(UNDISTURBED, SKIPPED, UNPROVEN))
    error, skipped = case(top, "killed-twice").find("error"), case(top, "killed").find("skipped")
    assert error is not None
    assert "a fault did not land" in str(error.get("message"))
    assert skipped is not None
    assert skipped.get("message") == "no right to kill the server"


def test_what_a_baseline_expects_is_skipped_with_the_reason_and_its_stale_entry_fails() -> None:
    top = parsed(session(UNDISTURBED, LOST, TWICE, expected=[KNOWN, expecting("task.vanished", "killed-twice")]))
    skipped = case(top, "killed").find("skipped")
    assert skipped is not None
    assert skipped.get("message") == "expected by the baseline: issue 12"
    assert "record 7 is gone" in str(skipped.text)
    stale = case(top, "mine killed-twice task.vanished").find("failure")
    assert stale is not None
    assert top.get("failures") == "1"


def test_beside_an_expected_finding_another_one_fails_first() -> None:
    both = {**LOST, "findings": [*LOST["findings"], finding("records.duplicated", message="record 9 is there twice")]}
    failure = case(parsed(session(UNDISTURBED, both, expected=[KNOWN])), "killed").find("failure")
    assert failure is not None
    assert (failure.get("type"), failure.get("message")) == ("records.duplicated", "record 9 is there twice")
    assert str(failure.text).startswith("records.duplicated: ")
    assert "record 7 is gone" in str(failure.text)


@pytest.mark.parametrize(
    "certificate",
    [
        session(UNDISTURBED, KILLED, TWICE),
        session(UNDISTURBED, LOST, UNPROVEN, FOR_CLIENTS, finished=False),
        session(UNDISTURBED, SKIPPED, TWICE),
        session(UNDISTURBED, KILLED, TWICE, expected=[KNOWN]),
        session(UNDISTURBED, {**LOST, "findings": [finding("records.lost", message=HOSTILE, replay=HOSTILE)]}),
        session({**LOST, "reason": HOSTILE, "findings": [], "story": HOSTILE}),
    ],
)
def test_it_keeps_to_the_schema_whatever_a_subject_says(certificate: dict[str, Any]) -> None:
    etree = importlib.import_module("lxml.etree")
    rules = etree.XMLSchema(etree.parse(str(schema(JUNIT))))
    document = etree.fromstring(junit(certificate).encode())
    rules.assertValid(document)
    del document.find("testsuite").attrib["tests"]  # a schema that could not fail would show nothing
    assert not rules.validate(document)
