"""A finding is found again by its fingerprint, in each session and on every machine."""

from __future__ import annotations

from mcp_crashtest.model.fingerprints import fingerprint, of_finding
from tests.harness.reporting.samples import finding


def test_it_stays_what_it_was() -> None:
    assert fingerprint("mine", "killed", "records.lost") == "d2605ef580b28bf3"


def test_neither_message_nor_plan_nor_run_changes_it() -> None:
    other = finding("records.lost", message="record 9 is gone", plan_text="kill server at batch 3", replay="elsewhere")
    assert of_finding(other) == of_finding(finding("records.lost"))


def test_subject_scenario_and_invariant_do() -> None:
    names = {fingerprint(*said) for said in (("a", "b", "c"), ("a", "b", "d"), ("a", "d", "c"), ("d", "b", "c"))}
    assert len(names) == 4
    assert fingerprint("ab", "c", "d") != fingerprint("a", "bc", "d")
