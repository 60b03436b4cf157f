"""What GitHub shows: annotations at a file, a summary of the job; a subject's text is neither command nor markup."""

from __future__ import annotations

from mcp_crashtest.reporting.github import job_summary, outputs, workflow_commands
from tests.harness.reporting.samples import (
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

SKIPPED = scenario("killed", verdict="SKIP", reason="no right to kill", runs=0)
UNPROVEN = scenario("killed-twice", verdict="INVALID", reason="a fault did not land: 100 %, yes")


def test_a_finding_is_an_error_at_the_server_and_what_proves_nothing_a_warning_at_the_profile() -> None:
    error, warning = workflow_commands(session(UNDISTURBED, LOST, UNPROVEN))
    assert error.startswith(
        "::error file=src/server.py,line=1,title=records.lost in killed of mine::record 7 is gone%0A"
    )
    assert error.endswith("%0Amcp-crashtest replay report/mine/killed/0002")
    assert warning.startswith("::warning file=conf/my profile.toml,line=1,title=killed-twice of mine proves nothing::")
    assert warning.endswith("a fault did not land: 100 %25, yes")


def test_a_session_that_passed_has_nothing_to_annotate() -> None:
    assert workflow_commands(session(UNDISTURBED, KILLED, TWICE)) == []


def test_what_is_expected_is_a_notice_with_its_reason_and_a_stale_entry_an_error() -> None:
    expected = [expecting("records.lost"), expecting("task.vanished", "killed-twice")]
    stale, notice = workflow_commands(session(UNDISTURBED, LOST, TWICE, expected=expected))
    assert stale.startswith("::error title=task.vanished in killed-twice is stale in known.toml::mine: ")
    assert notice.startswith(
        "::notice file=src/server.py,line=1,title=expected%3A records.lost in killed of mine::issue 12%0A"
    )


def test_stars_that_were_not_earned_are_a_warning_that_says_why() -> None:
    [warning] = workflow_commands(session(UNDISTURBED, SKIPPED, TWICE))
    assert warning == "::warning title=mine has earned 1 of 2 stars::killed: no right to kill"


def test_a_subjects_text_begins_no_command() -> None:
    hostile = {**LOST, "findings": [finding("records.lost", message=HOSTILE, replay=HOSTILE)]}
    [command] = workflow_commands(session(UNDISTURBED, hostile, TWICE))
    assert "\n" not in command
    assert "\r" not in command
    assert "%250A" in command


def test_a_subjects_text_is_no_markup_in_a_summary() -> None:
    hostile = {**LOST, "findings": [finding("records.lost", message=HOSTILE)], "reason": HOSTILE}
    page = job_summary(session(UNDISTURBED, hostile, {**TWICE, "verdict": "SKIP", "reason": HOSTILE}))
    assert "<script" not in page
    outside = page.partition("<details>")[0]
    assert "](b)" not in outside
    assert "@all" not in outside
    assert "\x1b" not in page
    assert page.count("</pre>") == 1


def test_a_summary_has_a_row_for_each_scenario_and_the_story_of_each_finding() -> None:
    page = job_summary(session(UNDISTURBED, LOST, TWICE))
    assert page.startswith("### FAIL: mine earned ")
    assert "| \N{BLACK STAR}\N{BLACK STAR} | mine: killed | 3 | 30 | 20 | 0.10 s | \N{CROSS MARK} FAIL |" in page
    assert "<details><summary>records.lost in killed of mine</summary>" in page
    assert "replay: mcp-crashtest replay report/mine/killed/0002" in page


def test_outputs_are_one_line_each() -> None:
    found = outputs(session(UNDISTURBED, LOST, TWICE))
    assert found == {"verdict": "FAIL", "level": "1", "faults": "90", "badge": "fails, 1 invariant broken, 90 faults"}
