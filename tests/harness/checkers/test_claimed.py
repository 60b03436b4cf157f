"""The claimed time of recovery against what was measured; event ``i`` happens at second ``i``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from mcp_crashtest.checkers.judge import judge
from mcp_crashtest.model.operation import History, Op, Type
from mcp_crashtest.model.verdict import Verdict
from tests.harness.checkers.histories import (
    INVALID,
    KILL,
    KILL_BOTH,
    PASS,
    Event,
    boot,
    connect,
    end,
    fail,
    history,
    landed,
    output,
    progress,
    stalled,
    submit,
    unanswered,
    verdict,
)

IDLE = [Event("lab", Type.OK, Op.STATE)]  # a second in which nothing happens
SHOWED = {"step_s": 1.0}


def restarted(
    *after: Sequence[Event], claim: float | None = 2.0, late_s: float | None = 0.0, contract: str = "resource-task"
) -> History:
    events = [boot(), submit(), progress(2), landed(KILL), boot(), *after, output("abcdef")]
    ended = end() if late_s is None else end(late_s=late_s)
    return history([*events, ended], faults=[KILL], showed=SHOWED, contract=contract, recovery_deadline_s=claim)


def test_an_answer_within_the_claimed_time_passes_and_a_second_later_does_not() -> None:
    assert verdict(restarted(IDLE, connect())) == PASS
    assert verdict(restarted(IDLE, IDLE, connect())) == fail("recovery.deadline")


def test_the_message_names_what_was_measured_and_what_was_claimed() -> None:
    [finding] = judge(restarted(IDLE, IDLE, connect())).findings
    assert finding.message == "the first answer came 3.00 s after the restart; the claim is 2 s"
    assert finding.evidence["measured_s"] == 3.0


def test_new_progress_may_take_one_step_of_the_work_more() -> None:
    assert verdict(restarted(connect(), IDLE, progress(3))) == PASS
    assert verdict(restarted(connect(), IDLE, IDLE, progress(3))) == fail("recovery.deadline")


def test_progress_as_it_was_is_not_new() -> None:
    assert verdict(restarted(connect(), progress(2), IDLE, progress(3))) == fail("recovery.deadline")


def test_a_server_that_reports_no_progress_is_held_to_its_first_answer_alone() -> None:
    assert verdict(restarted(connect(), IDLE, IDLE, IDLE, IDLE)) == PASS


def test_without_a_claim_nothing_is_held_against_it() -> None:
    assert verdict(restarted(*[IDLE] * 8, connect(), claim=None)) == PASS


def test_a_history_that_does_not_know_its_labs_heartbeat_is_judged_as_it_was() -> None:
    assert verdict(restarted(IDLE, IDLE, connect(), late_s=None)) == PASS


def test_a_lab_that_was_late_itself_has_measured_nothing() -> None:
    judgement = judge(restarted(IDLE, IDLE, connect(), late_s=1.5))
    assert (judgement.verdict, judgement.overdue) == (Verdict.INVALID, True)
    assert judgement.unproven[0].startswith("this machine is too slow to judge: the first answer came 3.00 s after")
    assert verdict(restarted(IDLE, connect(), late_s=1.5)) == PASS


@pytest.mark.parametrize(("crowd", "expected"), [(0.0, fail("recovery.deadline")), (2.9, None), (5.0, INVALID)])
def test_a_server_that_waits_for_its_turn_is_not_slow(crowd: float, expected: Any) -> None:
    after = (IDLE, IDLE, connect())
    events = [boot(), submit(), progress(2), landed(KILL), boot(), *after, output("abcdef"), end(late_s=0, crowd=crowd)]
    judged = history(events, faults=[KILL], showed=SHOWED, recovery_deadline_s=2.0)
    assert verdict(judged) == (expected or fail("recovery.deadline"))


def answered(starved_s: float) -> list[Event]:
    return [Event("client-0", Type.OK, Op.CONNECT, {"protocol": "2026-07-28", "starved_s": starved_s})]


def test_what_was_spent_waiting_for_a_processor_is_left_out_and_said() -> None:
    assert verdict(restarted(IDLE, IDLE, answered(0.9))) == PASS
    [finding] = judge(restarted(IDLE, IDLE, answered(0.5))).findings
    assert finding.message.startswith("the first answer came 2.50 s after the restart (0.50 s of waiting for a")


def test_where_the_waiting_is_known_a_crowd_is_no_excuse() -> None:
    events = [boot(), submit(), landed(KILL), boot(), IDLE, IDLE, answered(0.0), output("abcdef")]
    judged = history([*events, end(late_s=0, crowd=9.0)], faults=[KILL], showed=SHOWED, recovery_deadline_s=2.0)
    assert verdict(judged) == fail("recovery.deadline")


def test_of_a_blocking_call_progress_is_counted_from_the_call_made_again() -> None:
    late = restarted(connect(), IDLE, unanswered(), progress(3, task=None), contract="resumable-tool")
    assert verdict(late) == PASS
    assert verdict(restarted(connect(), IDLE, IDLE, progress(3))) == fail("recovery.deadline")


def test_the_time_for_which_the_client_was_away_is_not_the_servers() -> None:
    back = [Event("lab", Type.OK, Op.CLIENT, {"pid": 2, "name": "client-1"})]
    events = [boot(), submit(), landed(KILL_BOTH), boot(), IDLE, IDLE, IDLE, back, connect(1), output("abcdef")]
    judged = history([*events, end(late_s=0.0)], faults=[KILL_BOTH], showed=SHOWED, recovery_deadline_s=2.0)
    assert verdict(judged) == PASS


def test_a_life_that_was_killed_before_it_answered_owes_nothing() -> None:
    events = [boot(), submit(), landed(KILL), boot(), IDLE, IDLE, IDLE, landed(KILL), boot(), connect()]
    judged = [*events, output("abcdef"), end(late_s=0.0)]
    assert verdict(history(judged, faults=[KILL, KILL], showed=SHOWED, recovery_deadline_s=2.0)) == PASS


@pytest.mark.parametrize(("claim", "overdue"), [(2.0, True), (None, False)])
def test_a_run_that_stalled_under_a_claim_is_a_suspicion_too(claim: Any, overdue: bool) -> None:
    events = [boot(), submit(), landed(KILL), boot(), stalled(late_s=0.0)]
    judgement = judge(history(events, faults=[KILL], showed=SHOWED, recovery_deadline_s=claim))
    assert [finding.invariant for finding in judgement.findings] == ["recovery.deadline"]
    assert judgement.overdue is overdue


def test_a_slow_lab_masks_no_other_finding() -> None:
    events = [boot(), submit(), landed(KILL), boot(), IDLE, IDLE, connect(), output("abcde", None), end(late_s=1.5)]
    judged = history(events, faults=[KILL], recovery_deadline_s=2.0)
    assert verdict(judged)[1] == ["records.lost"]
    assert verdict(restarted(IDLE, IDLE, connect(), late_s=1.5)) == INVALID
