"""The life of a task."""

from __future__ import annotations

import pytest

from mcp_crashtest.model.operation import Op, Type
from tests.harness.checkers.histories import (
    INVALID,
    KILL,
    KILL_CLIENT,
    PASS,
    Event,
    ask,
    boot,
    effects,
    end,
    fail,
    failed,
    history,
    landed,
    output,
    progress,
    stalled,
    status,
    submit,
    unanswered,
    unknown,
    verdict,
)

DONE = (output("abcdef"), end())


def test_a_handle_that_no_boot_knows_any_more_has_vanished() -> None:
    events = [boot(), submit(), landed(KILL), boot(), unknown(), failed("vanished"), end()]
    assert verdict(history(events, faults=[KILL])) == fail("task.vanished")


def test_a_handle_that_was_never_acknowledged_cannot_vanish_and_its_loss_proves_nothing() -> None:
    events = [boot(), unanswered(), landed(KILL), boot(), unknown(), failed("vanished"), end()]
    assert verdict(history(events, faults=[KILL])) == INVALID


def test_of_two_tasks_the_one_that_is_unknown_has_vanished() -> None:
    events = [boot(), submit(task="t"), submit(task="u"), unknown("u"), *DONE]
    assert verdict(history(events)) == fail("task.vanished")


@pytest.mark.parametrize("word", ["running", "working", "queued", "input_required"])
def test_a_task_that_says_it_runs_and_does_not_move_after_a_restart_is_an_orphan(word: str) -> None:
    events = [boot(), submit(), landed(KILL), boot(), status(word), stalled()]
    assert verdict(history(events, faults=[KILL])) == fail("task.orphaned")


def test_progress_as_it_was_is_no_move_and_further_progress_is() -> None:
    restarted = [boot(), submit(), progress(2), landed(KILL), boot(), status("running"), progress(2)]
    assert verdict(history([*restarted, stalled()], faults=[KILL])) == fail("task.orphaned")
    assert verdict(history([*restarted, progress(4), stalled()], faults=[KILL])) == fail("recovery.deadline")


@pytest.mark.parametrize("word", ["completed", "failed", "cancelled"])
def test_a_task_that_has_ended_but_whose_output_never_comes_misses_the_deadline(word: str) -> None:
    events = [boot(), submit(), landed(KILL), boot(), status(word), stalled()]
    assert verdict(history(events, faults=[KILL])) == fail("recovery.deadline")


def test_a_task_that_was_last_seen_before_the_restart_misses_the_deadline() -> None:
    events = [boot(), submit(), status("running"), landed(KILL), boot(), stalled()]
    assert verdict(history(events, faults=[KILL])) == fail("recovery.deadline")


@pytest.mark.parametrize("word", ["completed", "failed", "cancelled"])
def test_a_status_that_is_an_end_stays(word: str) -> None:
    assert verdict(history([boot(), submit(), status(word), status(word), *DONE])) == PASS
    assert verdict(history([boot(), submit(), status(word), status("running"), *DONE])) == fail("task.resurrected")


def test_one_end_that_becomes_another_is_a_resurrection() -> None:
    events = [boot(), submit(), status("failed"), status("completed"), *DONE]
    assert verdict(history(events)) == fail("task.resurrected")


def test_a_resurrection_by_a_crash_is_seen() -> None:
    events = [boot(), submit(), status("completed"), landed(KILL), boot(), status("running"), *DONE]
    assert verdict(history(events, faults=[KILL])) == fail("task.resurrected")


def test_the_end_of_one_task_is_not_that_of_another() -> None:
    events = [boot(), submit(), status("completed", task="t"), status("running", task="u"), *DONE]
    assert verdict(history(events)) == PASS


def test_a_task_that_completes_before_its_records_are_there_is_no_success() -> None:
    early = output("abcdef", settled_s=0.4, at_first=2)
    assert verdict(history([boot(), submit(), early, end()])) == fail("task.false-success")


def test_the_last_batch_may_be_seen_a_moment_later() -> None:
    early = output("abcdef", settled_s=0.02, at_first=4)
    assert verdict(history([boot(), submit(), early, end(batch_s=0.05)])) == PASS


def test_who_is_a_little_early_with_nobody_in_the_way_is_so_afterwards_too() -> None:
    early = output("abcdef", settled_s=0.02, at_first=4)
    assert verdict(history([boot(), submit(), early, end()], showed={"settled_s": 0.03})) == PASS


def test_an_output_with_repeats_in_the_place_of_records_has_lost_some() -> None:
    events = [boot(), submit(), output("abcdee"), end()]
    assert verdict(history(events)) == fail("records.duplicated", "records.lost")


def test_a_job_that_fails_undisturbed_has_lost_its_records_whatever_it_claims() -> None:
    for resumes in (True, False):
        assert verdict(history([boot(), submit(), failed(), end()], resumes=resumes)) == fail("records.lost")


def test_a_disturbed_job_may_fail_only_where_it_does_not_claim_to_resume() -> None:
    events = [boot(), submit(), landed(KILL), boot(), failed(), end()]
    assert verdict(history(events, faults=[KILL])) == fail("records.lost")
    assert verdict(history(events, faults=[KILL], resumes=False)) == PASS


def test_a_job_whose_output_cannot_be_read_has_lost_its_records() -> None:
    assert verdict(history([boot(), submit(), failed("unreadable output"), end()])) == fail("records.lost")


def test_a_start_tool_whose_answer_was_lost_may_have_started_one_task_more() -> None:
    twice = [boot(), unanswered(), submit(), output("abcdef"), effects(t="abcdef", u="ab"), end()]
    thrice = [boot(), unanswered(), submit(), output("abcdef"), effects(t="abcdef", u="ab", v="a"), end()]
    assert verdict(history(twice)) == PASS
    assert verdict(history(thrice)) == fail("task.duplicated")


def test_a_start_tool_that_was_asked_by_a_client_killed_at_once_may_have_started_one_task_more() -> None:
    events = [boot(), ask(0), landed(KILL_CLIENT), submit(1), output("abcdef"), effects(t="abcdef", u="ab"), end()]
    assert verdict(history(events, faults=[KILL_CLIENT])) == PASS


def test_a_resumable_tool_attaches_to_its_task_however_often_it_is_called() -> None:
    once = [boot(), unanswered(), submit(), output("abcdef"), effects(t="abcdef"), end()]
    twice = [boot(), unanswered(), submit(), output("abcdef"), effects(t="abcdef", u="ab"), end()]
    assert verdict(history(once, contract="resumable-tool")) == PASS
    assert verdict(history(twice, contract="resumable-tool")) == fail("task.duplicated")


def test_a_submission_that_was_refused_may_not_have_started_a_task() -> None:
    refusal = [*ask(), Event("client-0", Type.FAIL, Op.SUBMIT, {"error": "no"})]
    events = [boot(), refusal, submit(), output("abcdef"), effects(t="abcdef", u="ab"), end()]
    assert verdict(history(events)) == fail("task.duplicated")
