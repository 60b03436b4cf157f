"""The console: a subject's text is hostile, and durations are for people."""

from __future__ import annotations

import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from mcp_crashtest.model.coordinates import Batch, Phase
from mcp_crashtest.model.faults import Fault, Victim
from mcp_crashtest.model.plan import Plan
from mcp_crashtest.reporting.certificate import certificate
from mcp_crashtest.reporting.console import about, clean, seconds, show
from mcp_crashtest.reporting.stars import Selection
from tests.harness.reporting.samples import scenario as sample

PLAN = Plan("server-killed", "2026-07-28", (Fault("kill", Victim.SERVER, Batch(3, Phase.ACKNOWLEDGED)),))


def finding(message: str) -> dict[str, Any]:
    return {
        "invariant": "records.lost",
        "message": message,
        "operations": [1],
        "evidence": {},
        "scenario": "server-killed",
        "profile": "subject",
        "plan": PLAN.to_json(),
        "plan_text": "kill server at batch 3, acknowledged",
        "replay": "mcp-crashtest replay crashtest-report/subject/server-killed/0003",
    }


def shown(message: str, width: int = 110, **changes: Any) -> str:
    scenario = {
        "id": "server-killed",
        "profile": "subject",
        "level": 2,
        "story": "",
        "verdict": "FAIL",
        "reason": message,
        "runs": 3,
        "faults_confirmed": 3,
        "faults_unconfirmed": 0,
        "kills_confirmed": 3,
        "recoveries_s": [0.05],
        "findings": [{**finding(message), **changes}],
    }
    out = io.StringIO()
    console = Console(file=out, width=width, force_terminal=False)
    summed = certificate([scenario], {"subject": {}}, Selection(None), (), seed=0, finished=True, times={})
    show(console, summed, "crashtest-report")
    return out.getvalue()


def test_a_finding_names_the_invariant_the_plan_the_replay_and_the_advice() -> None:
    text = shown("3 of 60 records are not in the output")
    for expected in ("records.lost", "kill server at batch 3", "mcp-crashtest replay", "ran ahead of the", "FAIL"):
        assert expected in text


def test_a_finding_that_brings_advice_of_its_own_shows_that_one() -> None:
    text = shown("a handle is gone", advice="The task's ttl had passed: claim a longer one.")
    assert "The task's ttl had passed" in text
    assert "ran ahead of the" not in text


def test_a_replay_line_is_never_broken_at_eighty_columns() -> None:
    assert finding("")["replay"] in shown("3 of 60 records are lost", width=40)


def test_control_sequences_of_a_subject_do_not_reach_the_terminal() -> None:
    assert "\x1b" not in shown("\x1b]0;owned\x07\x1b[2J")


def test_markup_of_a_subject_is_shown_and_not_obeyed() -> None:
    assert "[bold]x[/nonsense]" in shown("[bold]x[/nonsense]")


@given(st.text())
def test_clean_text_has_no_control_characters_and_a_bound(text: str) -> None:
    cleaned = clean(text * 100, longest=50)
    assert len(cleaned) <= 54
    assert all(c == "\n" or c.isprintable() or c.isspace() for c in cleaned)


@pytest.mark.parametrize(("value", "text"), [(None, "-"), (0.0456, "46 ms"), (1.234, "1.23 s")])
def test_durations_are_written_for_people(value: float | None, text: str) -> None:
    assert seconds(value) == text


@pytest.mark.parametrize(("value", "text"), [(0.4, "5 s"), (68.2, "70 s"), (300, "5 min")])
def test_what_is_to_come_is_said_as_exactly_as_it_is_known(value: float, text: str) -> None:
    assert about(value) == text


@pytest.mark.parametrize(
    ("after", "said"), [(3, "3 more scenarios were not begun"), (1, "1 more scenario was not begun")]
)
def test_what_keeps_all_scenarios_from_beginning_is_said_once_with_how_many_it_kept(after: int, said: str) -> None:
    first = sample("killed", verdict="INVALID", reason="the count is nowhere", runs=0)
    rest = [
        sample(f"killed-{n}", verdict="INVALID", reason="the count is nowhere (as said above)", runs=0, begun=False)
        for n in range(after)
    ]
    out = io.StringIO()
    summed = certificate([first, *rest], {"mine": {}}, Selection(None), (), seed=0, finished=True, times={})
    show(Console(file=out, width=110), summed, "report")
    text = out.getvalue()
    assert text.count("the count is nowhere") == 1
    assert f"mine: for the same reason {said}" in text
    assert "killed-0" not in text


def test_scenarios_that_each_prove_nothing_for_a_reason_of_their_own_are_all_told() -> None:
    both = [sample(name, verdict="INVALID", reason=f"{name} did not land") for name in ("one", "two")]
    out = io.StringIO()
    summed = certificate(both, {"mine": {}}, Selection(None), (), seed=0, finished=True, times={})
    show(Console(file=out, width=110), summed, "report")
    assert all(f"{name} did not land" in out.getvalue() for name in ("one", "two"))
    assert "not begun" not in out.getvalue()
