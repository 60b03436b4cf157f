"""Two clients in one run: which histories are rejected, and which of their neighbours are not."""

from __future__ import annotations

from typing import Any

import pytest

from mcp_crashtest.checkers.judge import judge
from mcp_crashtest.model.companions import Companion, turned_away
from mcp_crashtest.model.operation import History
from mcp_crashtest.model.plan import Size
from mcp_crashtest.model.verdict import Verdict
from tests.harness.checkers.company_histories import (
    FOUR,
    KILL,
    KILL_BOTH,
    by_second,
    done,
    expected,
    killed_in_mid_job,
    read_again,
    refused,
)
from tests.harness.checkers.histories import (
    ALL,
    INVALID,
    PASS,
    Event,
    Events,
    ask,
    connect,
    effects,
    end,
    fail,
    failed,
    history,
    output,
    progress,
    stalled,
    status,
    submit,
    unknown,
    verdict,
)

BOTH = [Companion.ANOTHER_JOB, Companion.ANOTHER_JOB_LATER]


def two_jobs(*events: Events, wanted: Companion = Companion.ANOTHER_JOB, **said: Any) -> History:
    """The first job is killed in mid-way; the second has a batch less."""
    happened = [expected(FOUR), killed_in_mid_job(), *(e for some in events for e in some)]
    return history(happened, faults=[KILL], companion=wanted, second=Size(len(FOUR), 2), **said)


def one_job(*events: Events, contract: str = "resource-task", **said: Any) -> History:
    """Server and client are killed in mid-way, and two are back."""
    happened = [killed_in_mid_job(KILL_BOTH), *(e for some in events for e in some)]
    return history(happened, faults=[KILL_BOTH], companion=Companion.SAME_JOB, contract=contract, **said)


# --- a second job


@pytest.mark.parametrize("wanted", BOTH)
def test_two_jobs_that_come_to_their_outputs_pass(wanted: Companion) -> None:
    events = [by_second(submit(), done(FOUR), task="u"), done(), effects(0, t=ALL, u=FOUR), end()]
    assert verdict(two_jobs(events, wanted=wanted)) == PASS


def test_a_second_job_with_the_id_of_the_first_is_another_task() -> None:
    events = [done(), by_second(submit(), done(ALL)), effects(0, t=ALL), end()]
    judged = judge(two_jobs(events))
    assert [f.invariant for f in judged.findings] == ["task.identity", "isolation.leak"]
    assert judged.findings[0].message == "the id 't' was given to two jobs, in life 1 and in life 2"


def test_records_of_the_first_job_in_the_output_of_the_second_are_a_leak_and_nothing_else() -> None:
    events = [done(), by_second(submit(), done(ALL, count=4), task="u"), effects(0, t=ALL, u=FOUR), end()]
    assert verdict(two_jobs(events)) == fail("isolation.leak")


def test_a_record_of_nobody_is_unexpected_and_no_leak() -> None:
    events = [done(), by_second(submit(), done(FOUR + "x", count=4), task="u"), effects(0, t=ALL, u=FOUR + "x"), end()]
    assert verdict(two_jobs(events)) == fail("records.unexpected")


def test_a_second_job_that_loses_records_is_judged_by_its_own_size() -> None:
    events = [done(), by_second(submit(), done("abc"), task="u"), effects(0, t=ALL, u="abc"), end()]
    assert verdict(two_jobs(events)) == fail("records.lost")


def test_a_first_job_that_is_hurt_by_the_second_is_judged_as_ever() -> None:
    events = [by_second(submit(), done(FOUR), task="u"), done("abef", 4), effects(0, t=ALL, u=FOUR), end()]
    assert verdict(two_jobs(events)) == fail("records.lost")


def test_the_second_job_was_not_disturbed_and_does_nothing_again() -> None:
    events = [done(), by_second(submit(), done(FOUR), task="u")]
    assert verdict(two_jobs(events, [effects(1, t=ALL + "ab", u=FOUR), end()])) == PASS
    assert verdict(two_jobs(events, [effects(1, t=ALL, u=FOUR + "ab"), end()])) == fail("effects.rework")


def test_a_second_job_that_was_under_way_when_the_server_died_may_do_its_batch_again_and_no_more() -> None:
    events = [done(), by_second(done(FOUR), task="u")]

    def beside(*u: str) -> History:
        happened = [expected(FOUR), by_second(submit(), task="u"), killed_in_mid_job(), *events]
        worked = effects(1, t=ALL, u="".join(u))
        return history(
            [*happened, worked, end()], faults=[KILL], companion=Companion.JOB_BESIDE, second=Size(len(FOUR), 2)
        )

    assert verdict(beside(FOUR, "cd")) == PASS
    assert verdict(beside(FOUR, "bcd")) == fail("effects.rework")


def test_a_second_job_whose_answer_was_lost_may_be_done_under_a_name_that_nobody_was_told() -> None:
    def beside(*names: str) -> tuple[Verdict, list[str]]:
        asked = [by_second(ask()), killed_in_mid_job(), done(), by_second(submit(), done(FOUR), task="u")]
        worked = effects(0, t=ALL, u=FOUR, **dict.fromkeys(names, FOUR))
        events = [expected(FOUR), *asked, worked, end()]
        return verdict(history(events, faults=[KILL], companion=Companion.JOB_BESIDE, second=Size(len(FOUR), 2)))

    assert beside("w") == PASS
    assert beside("w", "x") == fail("task.duplicated")


def test_work_under_one_name_is_told_apart_by_nobody() -> None:
    events = [done(), by_second(submit(), done(FOUR), task="u"), effects(1, job=ALL + FOUR), end()]
    assert verdict(two_jobs(events)) == PASS


def test_a_third_task_that_worked_is_one_too_many() -> None:
    events = [done(), by_second(submit(), done(FOUR), task="u"), effects(0, t=ALL, u=FOUR, w=ALL), end()]
    assert verdict(two_jobs(events)) == fail("task.duplicated")


def test_progress_of_one_job_is_not_held_against_that_of_the_other() -> None:
    moved = [progress(4), by_second(submit(), progress(2), task="u"), progress(6), by_second(progress(4), task="u")]
    assert verdict(two_jobs(moved, [done(), by_second(done(FOUR), task="u"), end()])) == PASS


def test_a_second_job_that_stands_still_is_an_orphan_although_the_first_is_done() -> None:
    events = [done(), by_second(submit(), status("running"), task="u"), stalled()]
    assert verdict(two_jobs(events)) == fail("task.orphaned")


def test_a_second_job_that_fails_has_no_excuse_in_what_was_done_to_the_first() -> None:
    events = [failed("failed"), by_second(submit(), failed("failed"), task="u"), end()]
    assert verdict(two_jobs(events, resumes=False)) == fail("records.lost")
    assert (
        verdict(two_jobs([failed("failed"), by_second(submit(), done(FOUR), task="u"), end()], resumes=False)) == PASS
    )


def test_a_server_may_turn_a_second_job_away_while_the_first_goes_on() -> None:
    turned_away = by_second(refused(), task=None)
    assert verdict(two_jobs([turned_away, done(), by_second(submit(), done(FOUR), task="u"), end()])) == PASS


def test_a_server_that_takes_no_second_job_at_all_has_shown_nothing() -> None:
    judged = judge(two_jobs([by_second(refused(), task=None), done(), by_second(refused(), task=None), end()]))
    assert (judged.verdict, [finding.invariant for finding in judged.findings]) == INVALID
    assert judged.unproven == ("the server takes no second job: busy",)


def test_a_second_job_that_has_its_place_undisturbed_and_is_turned_away_behind_a_kill_is_recovered_from_nowhere() -> (
    None
):
    turned_away, taken = by_second(refused(), task=None), by_second(submit(), done(FOUR), task="u")
    assert verdict(two_jobs([turned_away, done(), turned_away, end()], owed=True)) == fail("recovery.deadline")
    assert verdict(two_jobs([turned_away, done(), taken, end()], owed=True)) == PASS


def test_who_takes_one_job_and_no_other_is_accused_of_nothing_where_nobody_is_killed() -> None:
    second: dict[str, Any] = {"companion": Companion.ANOTHER_JOB_LATER, "second": Size(len(FOUR), 2), "owed": True}
    for behind, said in ((refused(), "busy"), ([*submit(), *done(FOUR)], None)):
        task = "u" if said is None else None
        seen = history([expected(FOUR), submit(), done(), by_second(behind, task=task), end()], **second)
        assert (verdict(seen), turned_away(seen)) == (PASS, said)


def test_a_second_job_that_nobody_has_seen_shows_nothing() -> None:
    judged = judge(two_jobs([done(), end()]))
    assert judged.unproven == ("the run was over before the second client had its output",)


# --- the first job, once more behind the second


def test_a_first_job_that_is_what_it_was_behind_the_second_passes() -> None:
    events = [done(), by_second(submit(), done(FOUR), task="u"), read_again(done()), effects(0, t=ALL, u=FOUR), end()]
    assert verdict(two_jobs(events)) == PASS


@pytest.mark.parametrize(
    ("seen", "invariant"),
    [
        (done("abcd", 6), "records.lost"),
        (done(ALL + "a", 6), "records.duplicated"),
        (done(ALL, 4), "records.count"),
        (done("abcdeF"), "task.resurrected"),
        ([*unknown(), *failed("vanished")], "task.vanished"),
        ([*status("running"), *done()], "task.resurrected"),
        (failed("refused"), "records.lost"),
    ],
)
def test_a_first_job_that_is_another_behind_the_second_is_judged_as_any_that_is_read_again(
    seen: list[Event], invariant: str
) -> None:
    events = [done(), by_second(submit(), done(FOUR), task="u"), read_again(seen), end()]
    assert judge(two_jobs(events)).findings[0].invariant == invariant


def test_a_first_job_that_nobody_can_read_any_more_behind_the_second_has_stalled() -> None:
    events = [done(), by_second(submit(), done(FOUR), task="u"), read_again(), stalled()]
    assert verdict(two_jobs(events)) == fail("recovery.deadline")


def test_a_first_job_that_was_not_read_to_its_end_again_shows_nothing() -> None:
    events = [done(), by_second(submit(), done(FOUR), task="u"), read_again(), end("client deadline")]
    judged = judge(two_jobs(events))
    assert judged.unproven == ("the run was over before the first job was read again behind the second",)


# --- a second job of the same size


def equal_jobs(*events: Events, **said: Any) -> History:
    """The first job is killed in mid-way; the second is as big, and another client's."""
    happened = [killed_in_mid_job(), *(e for some in events for e in some)]
    return history(happened, faults=[KILL], companion=Companion.ANOTHER_JOB, **said)


def test_two_jobs_of_one_size_with_ids_of_their_own_pass() -> None:
    events = [done(), by_second(submit(), done(), task="u"), read_again(done()), effects(0, t=ALL, u=ALL), end()]
    assert verdict(equal_jobs(events)) == PASS


def test_a_job_that_is_given_to_another_who_asks_for_as_much_is_two_jobs_under_one_id() -> None:
    events = [by_second(submit()), done(), by_second(done()), read_again(done()), effects(0, t=ALL), end()]
    assert verdict(equal_jobs(events)) == fail("task.identity")


# --- two clients of one job


def test_two_clients_who_are_given_one_output_pass() -> None:
    events = [by_second(connect(), done()), done(), effects(1, t=ALL + "ab"), end()]
    assert verdict(one_job(events)) == PASS


def test_two_workers_for_one_job_are_a_double_run() -> None:
    events = [by_second(connect(), done()), done(), effects(3, t=ALL + "abcdef"), end()]
    assert verdict(one_job(events)) == fail("fencing.double-run")


def test_what_one_client_saw_late_is_not_held_against_what_the_other_saw() -> None:
    late = by_second(status("running"), progress(4))
    assert verdict(one_job([progress(6), status("completed"), late, output(ALL), by_second(done()), end()])) == PASS


def test_what_one_client_saw_itself_is_held_against_what_it_sees_then() -> None:
    seen = by_second(status("completed"), status("running"))
    assert verdict(one_job([seen, done(), by_second(output(ALL)), end()])) == fail("task.resurrected")


def test_two_clients_who_are_given_different_outputs_are_two_too_many() -> None:
    events = [done(), by_second(done("aBcdef")), end()]
    assert verdict(one_job(events, deterministic=False)) == fail("task.resurrected")


def test_a_handle_that_only_one_of_the_two_can_use_has_vanished() -> None:
    assert verdict(one_job([done(), by_second(unknown(), failed("vanished")), end()])) == fail("task.vanished")


def test_a_call_may_be_turned_away_while_another_one_for_the_job_goes_on() -> None:
    called = [ask(), output(ALL), by_second(refused(), task=None), end()]
    assert verdict(one_job(called, contract="resumable-tool")) == PASS
    both = [ask(), refused(), by_second(refused(), task=None), end()]
    assert verdict(one_job(both, contract="resumable-tool")) == fail("records.lost")
