"""A job that an earlier run has done shows nothing; one that is quick, or was done before a fault, does."""

from __future__ import annotations

from typing import Any

import pytest

from mcp_crashtest.checkers.judge import judge
from mcp_crashtest.model.verdict import Verdict
from tests.harness.checkers.histories import (
    KILL,
    Event,
    ask,
    boot,
    end,
    history,
    landed,
    output,
    progress,
    status,
    submit,
)

BEGUN = (boot(), submit())
WORK = (status("working"), progress(2), progress(4))
OVER = (status("completed"), progress(6), output("abcdef"), end())
USUAL = 100.0  # events are a second apart


def judged(*events: list[Event], usual_s: float | None = USUAL, **more: Any) -> tuple[Verdict, str]:
    judgement = judge(history([*events], showed={"job_s": usual_s}, **more))
    return judgement.verdict, " ".join(judgement.unproven)


def test_a_job_that_is_over_at_the_first_look_was_done_by_an_earlier_run() -> None:
    verdict, said = judged(*BEGUN, *OVER)
    assert verdict is Verdict.INVALID
    assert "was this job done by an earlier run?" in said
    assert "[subject] reset" in said


def test_a_fault_that_lands_in_a_job_that_was_done_before_proves_nothing() -> None:
    verdict, said = judged(*BEGUN, *OVER[:-1], landed(KILL), boot(), end(), faults=[KILL])
    assert verdict is Verdict.INVALID
    assert "by an earlier run" in said


def test_a_call_that_comes_back_at_once_with_everything_was_done_before() -> None:
    verdict, said = judged(boot(), ask(), output("abcdef"), end(), contract="resumable-tool")
    assert verdict is Verdict.INVALID
    assert "by an earlier run" in said


@pytest.mark.parametrize(
    ("events", "usual_s"),
    [
        ((*BEGUN, *WORK, *OVER), USUAL),  # it was seen at work
        ((*BEGUN, progress(4), *OVER), USUAL),  # nobody asked for the status in time
        ((*BEGUN, *OVER), 20.0),  # quicker than usual, and not by much
        ((*BEGUN, *OVER), 0.2),  # a very quick server
        ((*BEGUN, *OVER), None),  # nobody knows how long it takes
    ],
)
def test_a_job_that_did_its_work_is_none(events: tuple[list[Event], ...], usual_s: float | None) -> None:
    assert judged(*events, usual_s=usual_s) == (Verdict.PASS, "")


def test_what_a_later_life_or_a_returning_client_finds_done_may_be_done() -> None:
    late = (landed(KILL), boot(), submit(), *OVER)
    assert judged(*BEGUN, *late, faults=[KILL]) == (Verdict.PASS, "")
