"""Work done again, effects, and whether the subject comes back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mcp_crashtest.checkers.judge import judge
from mcp_crashtest.model.faults import Fault, Victim
from mcp_crashtest.model.operation import History, Op, Type
from tests.harness.checkers.histories import (
    DROP,
    INVALID,
    KILL,
    KILL_BOTH,
    KILL_CLIENT,
    PASS,
    TERMINATE,
    Event,
    ask,
    boot,
    connect,
    effects,
    end,
    exits,
    fail,
    failed,
    history,
    landed,
    output,
    progress,
    refused,
    stalled,
    status,
    submit,
    unanswered,
    verdict,
)

DONE = (output("abcdef"), end())
OVERLAP = Fault("overlap", Victim.SERVER, KILL.at)
ROLL = Fault("roll", Victim.SERVER, KILL.at, settings={"servers": 3.0})
EVERY_FAULT = [KILL, KILL_CLIENT, KILL_BOTH, DROP, TERMINATE]


def worked(executed: str, *faults: Fault, **claims: Any) -> History:
    hit = [event for done in faults for event in (landed(done), boot())]
    return history([boot(), submit(), *hit, output("abcdef"), effects(t=executed), end()], faults=faults, **claims)


@pytest.mark.parametrize("done", EVERY_FAULT, ids=str)
def test_each_fault_explains_one_batch_and_not_one_record_more(done: Fault) -> None:
    assert verdict(worked("abababcdef"[2:], done)) == PASS
    assert verdict(worked("ababcdef", done)) == PASS
    assert verdict(worked("ababccdef", done)) == fail("effects.rework")


def piped(worked: History) -> History:
    """The same run of a server on stdio."""
    return History(replace(worked.header, subject={"command": "server", "url": None}), worked.operations)


@pytest.mark.parametrize("done", [KILL_CLIENT, OVERLAP], ids=str)
def test_where_an_old_life_may_stand_beside_its_successor_each_may_lose_a_batch(done: Fault) -> None:
    assert verdict(piped(worked("abababcdef", done))) == PASS
    assert verdict(piped(worked("ababababcdef", done))) == fail("effects.rework")
    assert verdict(worked("abababcdef", done)) == fail("effects.rework")
    assert verdict(piped(worked("abababcdef", KILL))) == fail("effects.rework")


def test_of_a_rolling_restart_each_server_explains_one_batch_and_not_one_record_more() -> None:
    assert verdict(worked("ababababcdef", ROLL)) == PASS
    assert verdict(worked("ababababccdef", ROLL)) == fail("effects.rework")


def test_two_faults_explain_two_batches() -> None:
    assert verdict(worked("abababcdef", KILL, KILL)) == PASS
    assert verdict(worked("ababababcdef", KILL, KILL)) == fail("effects.rework")


def test_a_server_that_never_crashed_and_does_work_again_is_caught() -> None:
    assert verdict(worked("abcdef")) == PASS
    assert verdict(worked("aabcdef")) == fail("effects.rework")


def test_the_batch_under_way_at_the_kill_may_be_executed_once_more() -> None:
    assert verdict(worked("abcdcdef", KILL)) == PASS


def test_a_fault_that_could_not_be_proven_may_have_cost_a_batch_and_no_more() -> None:
    def refuted(executed: str) -> History:
        return history(
            [boot(), submit(), refused(KILL), boot(), output("abcdef"), effects(t=executed), end()], faults=[KILL]
        )

    assert verdict(refuted("ababcdef")) == INVALID
    assert verdict(refuted("abcdabcdef")) == fail("effects.rework")


def test_a_restart_from_zero_is_lawful_where_nothing_else_was_claimed() -> None:
    assert verdict(worked("abcdabcdef", KILL)) == fail("effects.rework")
    assert verdict(worked("abcdabcdef", KILL, resumes=False)) == PASS


def test_at_least_once_a_fault_may_cost_more_than_a_batch_but_no_new_beginning() -> None:
    def again(executed: str, done: int) -> tuple[object, list[str]]:
        strike = [replace(event, value={**event.value, "done": done}) for event in landed(KILL)]
        events = [boot(), submit(), strike, boot(), output("abcdef"), effects(t=executed), end()]
        return verdict(history(events, faults=[KILL], semantics="at-least-once"))

    assert again("abcdabcdef", done=2) == PASS
    assert again("abcdefabcdef", done=4) == fail("effects.rework")
    assert again("abcdcdef", done=4) == PASS


def test_an_output_record_without_an_effect_is_a_lost_effect() -> None:
    assert verdict(worked("abcde")) == fail("effects.lost")


def test_an_effect_without_an_output_record_is_not_the_ledgers_matter() -> None:
    assert verdict(worked("abcdefg")) == PASS


def test_an_empty_ledger_is_that_of_a_subject_which_writes_none() -> None:
    assert verdict(history([boot(), submit(), output("abcdef"), effects(), end()])) == PASS


def test_the_effects_of_two_tasks_count_together() -> None:
    events = [boot(), submit(), output("abcdef"), effects(t="abc", u="def"), end()]
    assert verdict(history(events)) == fail("task.duplicated")


def test_a_subject_that_never_answers_after_the_restart_misses_the_deadline() -> None:
    events = [boot(), submit(), progress(2), landed(KILL), boot(), stalled()]
    assert verdict(history(events, faults=[KILL])) == fail("recovery.deadline")


def test_a_task_that_stands_still_once_its_client_was_killed_misses_the_deadline() -> None:
    events = [boot(), submit(), landed(KILL_CLIENT), status("running", client=1), stalled()]
    assert verdict(history(events, faults=[KILL_CLIENT])) == fail("recovery.deadline")


def test_a_run_that_stalled_is_never_a_pass_whatever_was_seen_before() -> None:
    for seen in ([], [status("running")], [status("completed")], [progress(2)], [progress(2), progress(4)]):
        for faults in ([], [KILL]):
            hit = [event for done in faults for event in (landed(done), boot())]
            judgement = judge(history([boot(), submit(), *hit, *seen, stalled()], faults=faults))
            assert len(judgement.findings) == 1, (seen, faults)


def test_a_server_that_ends_by_itself_after_a_restart_does_not_come_back() -> None:
    events = [boot(), submit(), landed(KILL), boot(), exits(), end("the subject ended by itself")]
    assert verdict(history(events, faults=[KILL])) == fail("recovery.loop")


@pytest.mark.parametrize("done", [KILL_CLIENT, DROP], ids=str)
def test_a_server_that_its_clients_end_takes_along_does_not_come_back(done: Fault) -> None:
    events = [boot(), submit(), landed(done), exits(), end("the subject ended by itself")]
    assert verdict(history(events, faults=[done])) == fail("recovery.loop")


def test_a_server_that_ends_by_itself_before_any_fault_proves_nothing_about_recovery() -> None:
    judgement = judge(history([boot(), submit(), exits(), end("the subject ended by itself")], faults=[KILL]))
    assert judgement.findings == ()
    assert judgement.unproven == (
        "kill server at batch 1, observed: the run was over before this fault could land",
        "the run ended without an output: the subject ended by itself",
    )


def test_a_recovery_lasts_from_the_fault_to_the_first_answer_of_the_next_boot() -> None:
    events = [boot(), submit(), landed(KILL), boot(), connect(), progress(2), *DONE]
    # expect 0, boot 1, submit 2 and 3, fault 4 and 5, boot 6, connect 7
    assert judge(history(events, faults=[KILL])).recoveries_s == (2.0,)


def test_the_time_that_the_lab_takes_to_start_a_server_is_not_the_servers() -> None:
    waited = [Event("lab", Type.OK, Op.STATE)]
    events = [boot(), submit(), landed(KILL), waited, waited, boot(), connect(), output("abcdef")]
    assert judge(history([*events, end()], faults=[KILL])).recoveries_s == (4.0,)
    assert judge(history([*events, end(late_s=0.0)], faults=[KILL])).recoveries_s == (1.0,)


def test_an_answer_of_the_killed_boot_that_is_heard_late_is_no_recovery() -> None:
    events = [boot(), submit(), landed(KILL), progress(2), boot(), connect(), *DONE]
    assert judge(history(events, faults=[KILL])).recoveries_s == (3.0,)


def test_a_fault_on_the_client_alone_asks_for_no_recovery() -> None:
    events = [boot(), submit(), landed(KILL_CLIENT), connect(1), *DONE]
    assert judge(history(events, faults=[KILL_CLIENT])).recoveries_s == ()


def test_two_faults_before_an_answer_are_one_recovery_from_the_second() -> None:
    events = [boot(), submit(), landed(KILL), boot(), landed(KILL), boot(), connect(), *DONE]
    assert judge(history(events, faults=[KILL, KILL])).recoveries_s == (2.0,)


def test_how_long_a_stalled_run_waited_for_a_processor_is_said() -> None:
    [finding] = judge(
        history([boot(), submit(), landed(KILL), boot(), stalled(starved_s=3.25)], faults=[KILL])
    ).findings
    assert "nothing has moved for 10.5 s, 3.2 s of it for want of a processor; the bound is 10.0 s" in finding.message


@pytest.mark.parametrize(
    ("type_", "said", "is_told"),
    [
        (Type.INFO, "HTTP status 429: Too Many Requests", True),
        (Type.FAIL, "the kiln is let", True),
        (Type.INFO, "the connection broke", False),
    ],
)
def test_what_a_job_was_turned_away_with_until_nothing_moved_is_said(type_: Type, said: str, is_told: bool) -> None:
    refused = [*ask(), Event("client-0", type_, Op.SUBMIT, {"error": said})]
    [finding] = judge(history([boot(), unanswered(), landed(KILL), boot(), refused, stalled()], faults=[KILL])).findings
    assert finding.invariant == "recovery.deadline"
    assert (finding.message.endswith(f"the server said: {said}"), finding.advice is not None) == (is_told, is_told)


@pytest.mark.parametrize(
    ("busy", "invariant"), [({"busy": True}, "recovery.deadline"), ({}, "records.lost")], ids=["waited", "at once"]
)
def test_where_no_job_is_taken_any_more_behind_a_lost_answer_it_is_the_place_that_was_not_given_back(
    busy: dict[str, bool], invariant: str
) -> None:
    refused = [*ask(), Event("client-0", Type.FAIL, Op.SUBMIT, {"error": "the kiln is let", **busy})]
    events = [boot(), unanswered(), landed(KILL), boot(), refused, refused, failed(), end()]
    assert verdict(history(events, faults=[KILL])) == fail(invariant)
    again = history(events, faults=[KILL], contract="resumable-tool")
    assert verdict(again) == fail("records.lost"), "the next call goes on with the job, and asks for no other"
