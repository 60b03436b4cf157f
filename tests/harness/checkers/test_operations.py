"""What was acknowledged of a task's control survives a crash; lists agree; principals keep apart."""

from __future__ import annotations

import pytest

from mcp_crashtest.checkers.judge import judge
from mcp_crashtest.model.operation import Op, Type
from mcp_crashtest.model.verdict import Verdict
from tests.harness.checkers.histories import (
    KILL,
    PASS,
    Event,
    boot,
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
    unknown,
    verdict,
)
from tests.harness.checkers.operation_histories import (
    acknowledged,
    listing,
    mistaken,
    of,
    stats,
    strange,
    strays,
    submitted,
    worked,
)

RESTART = (landed(KILL), boot())
DONE = (output("abcdef"), end())
Verdicts = tuple[Verdict, list[str]]


def told(op: Op, *after: list[Event]) -> Verdicts:
    events = [boot(), submit(), progress(2), acknowledged(op), *RESTART, *after]
    return verdict(history(events, faults=[KILL]))


CANCELLED = (status("cancelled"), failed("cancelled"), end())
FORGOTTEN = fail("task.cancel-forgotten")


# --- cancel and pause


def test_a_cancel_that_survives_the_crash_passes_and_its_job_has_lost_nothing() -> None:
    assert told(Op.CANCEL, *CANCELLED) == PASS
    assert told(Op.CANCEL, progress(2), *CANCELLED) == PASS


def test_the_batch_under_way_at_the_cancel_may_have_been_finished_unseen() -> None:
    assert told(Op.CANCEL, progress(4), *CANCELLED) == PASS
    assert told(Op.CANCEL, progress(6), *CANCELLED) == PASS  # what the client knew when it was cancelled was old


def test_progress_that_rises_after_the_restart_shows_a_cancel_forgotten() -> None:
    assert told(Op.CANCEL, progress(2), progress(4), *CANCELLED) == FORGOTTEN


def test_within_its_life_a_cancelled_task_may_take_its_time() -> None:
    events = [boot(), submit(), progress(2), acknowledged(Op.CANCEL), progress(4), *RESTART, *CANCELLED]
    assert verdict(history(events, faults=[KILL])) == PASS


def test_a_cancelled_job_that_comes_to_its_output_after_the_restart_was_forgotten() -> None:
    assert told(Op.CANCEL, status("running"), *DONE) == FORGOTTEN


def test_a_job_that_was_all_but_done_may_have_ended_as_it_was_cancelled() -> None:
    events = [boot(), submit(), progress(4), acknowledged(Op.CANCEL), *RESTART, *DONE]
    assert verdict(history(events, faults=[KILL])) == PASS


def test_a_ledger_that_grows_after_the_restart_shows_somebody_at_work() -> None:
    assert told(Op.CANCEL, worked(4), worked(4), *CANCELLED) == PASS
    assert told(Op.CANCEL, worked(4), worked(6), *CANCELLED) == FORGOTTEN


def test_a_pause_holds_until_it_is_lifted() -> None:
    assert told(Op.PAUSE, progress(2), progress(4), *DONE) == FORGOTTEN
    resumed = [progress(2), acknowledged(Op.RESUME), progress(4), *DONE]
    assert told(Op.PAUSE, *resumed) == PASS


def test_a_paused_task_that_stands_still_is_no_orphan_and_one_that_was_resumed_is() -> None:
    paused = history([boot(), submit(), acknowledged(Op.PAUSE), *RESTART, status("paused"), stalled()], faults=[KILL])
    assert [finding.invariant for finding in judge(paused).findings] == ["recovery.deadline"]
    assert told(Op.PAUSE, acknowledged(Op.RESUME), status("paused"), stalled()) == fail("task.orphaned")


def test_a_job_that_ends_as_cancelled_and_nobody_cancelled_it_has_lost_its_records() -> None:
    events = [boot(), submit(), *RESTART, status("cancelled"), failed("cancelled"), end()]
    assert verdict(history(events, faults=[KILL])) == fail("records.lost")


# --- lists and statistics


def listed(*seen: list[Event], before: tuple[list[Event], ...] = (status("failed"),)) -> Verdicts:
    events = [boot(), submit(task="t"), *before, submit(task="u"), *RESTART, *seen, *DONE]
    return verdict(history(events, faults=[KILL]))


def test_a_list_with_every_task_as_it_ended_passes() -> None:
    assert listed(listing(("t", "failed"), ("u", "running"))) == PASS
    assert listed(listing(("task://t", "failed"), ("u", "completed"))) == PASS


def test_a_list_without_a_task_or_with_another_end_disagrees() -> None:
    assert listed(listing(("t", "failed"))) == fail("task.listing")
    assert listed(listing(("t", "running"), ("u", "running"))) == fail("task.listing")
    assert listed(listing(("t", "failed"), ("u", "running"), ("u", "running"))) == fail("task.listing")


def test_of_a_list_that_was_not_read_to_its_end_nothing_is_missing() -> None:
    assert listed(listing(("u", "running"), complete=False)) == PASS


def test_a_task_that_the_session_cannot_look_at_either_is_rightly_missing() -> None:
    """There are servers whose tasks belong to the session in which they were made."""
    assert listed(listing(("t", "failed"), unknown=["u"])) == PASS
    assert listed(listing(("t", "failed"), unknown=["task://u"])) == PASS
    assert listed(stats(unknown=["u"], failed=1, total=1)) == PASS
    assert listed(listing(("u", "running"), unknown=["u"])) == fail(
        "task.listing"
    )  # the other one is known, and missing
    assert listed(listing(("t", "failed"), unknown=[])) == fail("task.listing")


def test_a_task_whose_time_was_over_may_be_missing() -> None:
    assert listed(listing(("u", "running")), before=(status("failed", ttl_ms=1000),)) == PASS
    assert listed(listing(("u", "running")), before=(status("failed", ttl_ms=3_600_000),)) == fail("task.listing")


def test_statistics_count_what_has_ended_and_all_that_was_acknowledged() -> None:
    assert listed(stats(failed=1, running=1)) == PASS
    assert listed(stats(failed=1, total=2)) == PASS
    assert listed(stats(failed=0, running=2)) == fail("task.listing")
    assert listed(stats(failed=1, total=1)) == fail("task.listing")


# --- principals


def shared(*touched: list[Event], task: str = "5f3a-b") -> Verdicts:
    asked = of("ann", submit(task=task))
    events = [boot(), asked, *touched, *DONE]
    return verdict(history(events))


@pytest.mark.parametrize("op", [Op.CANCEL, Op.PAUSE, Op.RESUME])
def test_what_one_principal_was_given_another_cannot_control(op: Op) -> None:
    assert shared(of("bob", acknowledged(op, "5f3a-b"))) == fail("isolation.leak")
    assert shared(of("bob", [Event("client-0", Type.FAIL, op, {}, "5f3a-b")])) == PASS


def test_what_one_principal_was_given_another_can_neither_see_nor_find_in_a_list() -> None:
    assert shared(of("bob", status("running", task="5f3a-b"))) == fail("isolation.leak")
    assert shared(of("bob", listing(("5f3a-b", "running")))) == fail("isolation.leak")
    assert shared(of("bob", unknown("5f3a-b")), of("bob", listing())) == PASS


def test_what_is_ones_own_one_may_see() -> None:
    mine = of("bob", [*submit(task="9c-x"), *listing(("9c-x", "running"))])
    assert shared(of("ann", status("running", task="5f3a-b")), mine) == PASS


@pytest.mark.parametrize("task", ["17", "job-17", "1732573000.125", "task_1732573000125"])
def test_an_id_that_can_be_guessed_counts_where_somebody_else_could_ask_for_it(task: str) -> None:
    alone = history([boot(), submit(task=task), *DONE])
    assert verdict(alone) == PASS
    assert shared(of("bob", unknown(task)), of("bob", listing()), task=task) == fail("task.identity")


def test_ids_that_count_up_can_be_guessed_however_long_they_are() -> None:
    long = 10**17
    pair = of("bob", submit(task=str(long + 5)))
    assert shared(pair, task=str(long)) == fail("task.identity")
    assert shared(of("bob", submit(task=str(long * 7))), task=str(long)) == PASS


def test_one_id_for_two_jobs_is_used_again() -> None:
    twice = [boot(), submitted("a", "t"), *RESTART, submitted("b", "t"), *DONE]
    attached = [boot(), submitted("a", "t"), *RESTART, submitted("a", "t"), *DONE]
    assert verdict(history(twice, faults=[KILL])) == fail("task.identity")
    assert verdict(history(attached, faults=[KILL])) == PASS


# --- remarks


def remarked(*events: list[Event]) -> list[str]:
    judgement = judge(history([boot(), submit(), *events, *DONE]))
    assert judgement.verdict is Verdict.PASS
    return [f"{remark.invariant}: {remark.message}" for remark in judgement.remarks]


def test_an_answer_to_a_mistake_as_if_it_were_right_is_a_remark_and_so_is_none_at_all() -> None:
    assert remarked(mistaken(Type.OK, answer="{}")) == [
        "error.honest: an unknown task was answered as if it were right: {}"
    ]
    assert remarked(mistaken(Type.INFO, waited_s=5.0)) == ["error.honest: an unknown task was not answered within 5 s"]
    assert remarked(mistaken(Type.FAIL, error="no such task")) == []


def test_a_strange_message_of_the_subjects_is_a_remark_once_and_one_of_the_labs_is_none() -> None:
    assert remarked(strange("no id", "subject"), strange("no id", "subject"), strange("late", "lab")) == [
        "wire.invalid: no id"
    ]


def test_lines_that_are_no_messages_are_one_remark_with_their_number_and_their_first_texts() -> None:
    lines = [strays(f"batch {n}") for n in (1, 2, 3, 4, 4)]
    assert remarked(*lines) == [
        "wire.invalid: 5 lines on standard output are no messages: 'batch 1'; 'batch 2'; 'batch 3'"
    ]
    judged = judge(history([boot(), submit(), *lines, *DONE]))
    assert judged.verdict is judge(history([boot(), submit(), *DONE])).verdict


def test_a_judgement_shows_its_remarks_only_where_it_has_some() -> None:
    assert "remarks" not in judge(history([boot(), submit(), *DONE])).to_json()
    remarks = judge(history([boot(), submit(), strange("no id", "subject"), *DONE])).to_json()["remarks"]
    assert [remark["invariant"] for remark in remarks] == ["wire.invalid"]
