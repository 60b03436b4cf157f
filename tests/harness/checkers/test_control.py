"""A cancel or a pause that was acknowledged holds; an operator in the lab has asked, and looks at ledger and task."""

from __future__ import annotations

from typing import Any

from mcp_crashtest.model.operation import Op, Type
from mcp_crashtest.model.profile import Workload
from mcp_crashtest.model.verdict import Verdict
from tests.harness.checkers.histories import (
    KILL,
    PASS,
    Event,
    boot,
    effects,
    end,
    fail,
    failed,
    history,
    landed,
    output,
    progress,
    status,
    submit,
    unknown,
    verdict,
)
from tests.harness.checkers.operation_histories import acknowledged_with, denied, listing, looked, of

Verdicts = tuple[Verdict, list[str]]
FORGOTTEN = fail("task.cancel-forgotten")
RESTART = (landed(KILL), boot())
CANCELLED = (status("cancelled"), failed("cancelled"), end())
JOB = Workload(24, 2)
ALL = "abcdefghijklmnopqrstuvwx"


def told(op: Op, *after: list[Event], **value: Any) -> Verdicts:
    """What comes of an operation that was acknowledged when six of 24 records were done."""
    events = [boot(), submit(), progress(6), acknowledged_with(op, "t", **value), *after]
    return verdict(history(events, golden=None, workload=JOB))


def done(executed: str = ALL) -> tuple[list[Event], ...]:
    return (status("completed"), output(None, count=24), effects(t=executed), end())


# --- within a life


def test_a_cancel_without_effect_shows_in_the_ledger() -> None:
    assert told(Op.CANCEL, *done(), executions=6) == FORGOTTEN
    assert told(Op.PAUSE, *done(), executions=6) == FORGOTTEN


def test_a_job_that_was_all_but_done_may_win_the_race() -> None:
    assert told(Op.CANCEL, *done(), executions=20) == PASS


def test_without_a_ledger_a_look_some_time_later_shows_it() -> None:
    events = (status("completed"), output(None, count=24), end())
    assert told(Op.CANCEL, looked(status="running", done=10), *events) == FORGOTTEN
    assert told(Op.CANCEL, looked(status="running", done=22), *events) == PASS
    assert told(Op.CANCEL, *events) == PASS


def test_who_says_that_he_is_about_to_stop_may_take_his_time() -> None:
    assert told(Op.CANCEL, status("cancelling"), *done(), executions=6) == PASS
    assert told(Op.CANCEL, status("CANCEL_REQUESTED"), *done(), executions=6) == PASS


def test_the_batch_under_way_may_be_finished_and_no_more_behind_the_end() -> None:
    looks = (looked(executions=8, status="cancelled"), looked(executions=10, status="cancelled"))
    assert told(Op.CANCEL, *looks, *CANCELLED, executions=6) == PASS
    looks = (looked(executions=8, status="cancelled"), looked(executions=12, status="cancelled"))
    assert told(Op.CANCEL, *looks, *CANCELLED, executions=6) == FORGOTTEN


def test_a_paused_task_whose_progress_is_shown_to_rise_does_not_stand_still() -> None:
    looks = (looked(status="paused", done=8), looked(status="paused", done=14))
    assert told(Op.PAUSE, *looks, acknowledged_with(Op.RESUME), *done()) == FORGOTTEN
    looks = (looked(status="paused", done=8), looked(status="paused", done=8))
    assert told(Op.PAUSE, *looks, acknowledged_with(Op.RESUME), *done()) == PASS


def test_what_comes_behind_the_resume_is_the_jobs() -> None:
    assert told(Op.PAUSE, looked(executions=8), acknowledged_with(Op.RESUME), *done(), executions=6) == PASS
    assert told(Op.PAUSE, looked(executions=8), denied(Op.RESUME), *done(), executions=6) == FORGOTTEN


# --- over a restart


def restarted(op: Op, *after: list[Event], **value: Any) -> Verdicts:
    events = [boot(), submit(), progress(6), acknowledged_with(op, "t", **value), *RESTART, *after]
    return verdict(history(events, golden=None, workload=JOB, faults=[KILL]))


def test_what_the_ledger_had_while_nobody_lived_was_done_before() -> None:
    dead = looked(executions=14)
    events = [boot(), submit(), progress(6), acknowledged_with(Op.CANCEL, executions=6), landed(KILL), dead, boot()]
    still = [*events, looked(executions=14), looked(executions=14), *CANCELLED]
    assert verdict(history(still, golden=None, workload=JOB, faults=[KILL])) == PASS
    grown = [*events, looked(executions=18), looked(executions=18), *CANCELLED]
    assert verdict(history(grown, golden=None, workload=JOB, faults=[KILL])) == FORGOTTEN


def test_progress_that_nobody_had_seen_before_the_kill_is_no_evidence() -> None:
    assert restarted(Op.CANCEL, progress(20), *CANCELLED) == PASS
    assert restarted(Op.CANCEL, progress(20), progress(22), *CANCELLED) == FORGOTTEN


def test_a_task_that_is_paused_and_is_not_let_go_on_is_orphaned() -> None:
    stuck = (looked(status="paused"), denied(Op.RESUME), end("a fault could not be proven"))
    assert restarted(Op.PAUSE, *stuck) == fail("task.orphaned")


def test_a_cancelled_task_may_end_as_failed_or_be_forgotten() -> None:
    assert restarted(Op.CANCEL, status("failed"), failed("failed"), end()) == PASS
    assert restarted(Op.CANCEL, unknown(), failed("vanished"), end()) == PASS
    assert restarted(Op.CANCEL, status("cancelled"), failed("cancelled"), listing(), end()) == PASS


def test_a_cancel_that_comes_behind_the_crash_which_has_lost_the_task_excuses_nothing() -> None:
    asked = [Event("operator", Type.INVOKE, Op.CANCEL, {}, "t")]
    lost = (unknown(), failed("vanished"), end())

    def behind(*after: list[Event]) -> Verdicts:
        events = [boot(), submit(), progress(6), *RESTART, *after]
        return verdict(history(events, golden=None, workload=JOB, faults=[KILL]))

    assert behind(denied(Op.CANCEL), *lost) == fail("task.vanished")
    assert behind(asked, unknown(), failed("vanished"), denied(Op.CANCEL)[1:], end()) == fail("task.vanished")
    assert behind(asked, *lost) == PASS, "nobody knows what came of it"
    assert behind(acknowledged_with(Op.CANCEL), *lost) == PASS


def test_a_cancelled_task_that_a_list_shows_at_work_disagrees() -> None:
    shown = (status("cancelled"), failed("cancelled"), listing(("t", "running")), end())
    assert restarted(Op.CANCEL, *shown) == fail("task.listing")


def test_a_task_that_stands_still_without_an_end_is_at_rest() -> None:
    assert restarted(Op.CANCEL, status("stopped"), end("at rest")) == PASS


# --- the extension's own cancel promises nothing


def test_an_advisory_cancel_may_lose_the_race_on_either_side_of_a_crash() -> None:
    assert told(Op.CANCEL, *done(), advisory=True, status="working") == PASS
    assert restarted(Op.CANCEL, status("working"), progress(8), *done(), advisory=True, status="working") == PASS


def test_once_the_task_has_said_that_it_is_cancelled_it_stays_so() -> None:
    seen: dict[str, Any] = {"advisory": True, "status": "cancelled"}
    went_on = (looked(status="working", done=6), looked(status="working", done=10), *done())
    assert "task.cancel-forgotten" in restarted(Op.CANCEL, *went_on, **seen)[1]
    assert restarted(Op.CANCEL, *CANCELLED, **seen) == PASS


# --- by somebody else


def test_a_job_that_somebody_else_has_cancelled_has_not_forgotten_anything_and_he_has_reached_it() -> None:
    asked = of("ann", submit(task="5f3a-b"))
    heard = of("bob", acknowledged_with(Op.CANCEL, "5f3a-b", advisory=True))
    ended = [
        Event("client-ann", Type.OK, Op.STATUS, {"status": "cancelled", "principal": "ann"}, "5f3a-b"),
        Event("client-ann", Type.FAIL, Op.OUTPUT, {"reason": "cancelled", "error": "no"}, "5f3a-b"),
    ]
    assert verdict(history([boot(), asked, heard, ended, end()], golden=None)) == fail("isolation.leak")
    done = [Event("client-ann", Type.OK, Op.OUTPUT, {"status": "completed", "count": 6, "records": None}, "5f3a-b")]
    assert verdict(history([boot(), asked, heard, done, end()], golden=None)) == PASS
