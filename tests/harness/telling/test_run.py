"""Runs are told from literal histories: who lived when, who wrote which record, and what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from mcp_crashtest.model.faults import Victim
from mcp_crashtest.model.operation import History, Op, Type
from mcp_crashtest.telling.run import Executed, Telling, tell
from tests.harness.checkers import histories as H

INTERRUPT = H.fault("interrupt", Victim.CLIENT)
FREEZE = H.fault("freeze", Victim.SERVER)


def came(client: int = 0, name: str = "client") -> list[H.Event]:
    """A client's life begins."""
    return [H.Event("lab", Type.OK, Op.CLIENT, {"pid": 7, "name": f"{name}-{client}"})]


def lines(done: str, task: str = "t", seen: Sequence[float | None] = ()) -> list[Executed]:
    """A ledger: a letter a line."""
    return [Executed(task, key, seen[n] if seen else None) for n, key in enumerate(done)]


def call(*events: list[H.Event], **more: Any) -> History:
    return H.history(events, contract="resumable-tool", **more)


def answered(client: int, shown: str, count: int = 6) -> list[list[H.Event]]:
    done = [H.Event(f"client-{client}", Type.OK, Op.SUBMIT, {})]
    return [done, H.output(shown, count, client=client), H.effects(t=shown), H.end()]


def left_and_came_back(shown: str) -> History:
    """A client is told two of six, leaves, comes back and calls again."""
    return call(
        H.boot(), came(0), H.connect(), H.ask(), H.progress(2, task=None), H.landed(INTERRUPT, 0), came(1),
        H.connect(1), H.ask(1), H.progress(4, 1, None), H.progress(6, 1, None), *answered(1, shown, len(shown)),
        faults=[INTERRUPT],
    )  # fmt: skip


def said(told: Telling) -> str:
    return "\n".join(step.text for step in told.steps)


# --- the stories of records


def test_a_doubled_batch_is_told_with_the_calls_that_wrote_it() -> None:
    told = tell(left_and_came_back("abcdcdef"), lines("abcdcdef"), wrong=True)
    [fate], [story] = told.fates, told.stories
    assert (fate.kind, fate.names, fate.times, fate.batch) == ("twice", ("c", "d"), 2, 2)
    assert [(w.first, w.last, w.call, w.client) for w in fate.written] == [(3, 4, 1, 1), (5, 6, 2, 2)]
    assert "are in the output twice: written" in story
    assert "by call 1 of the client's first life in the server's first life (ledger lines 3 to 4)" in story
    assert "and again by 11.00 s" in story
    assert "after fault 1) by call 2 of the client's second life" in story


def test_a_run_that_resumes_exactly_has_no_story_and_ends_well() -> None:
    told = tell(left_and_came_back("abcdef"), lines("abcdef"), wrong=False)
    assert (told.fates, told.stories) == ((), ())
    assert [(hunk.kind, hunk.count) for hunk in told.records.hunks] == [("same", 6)]
    assert told.steps[-1].kind == "good"
    assert told.steps[-1].text == "The job ends: 6 of 6 records, each of them once."


def test_what_the_lab_has_seen_itself_is_said_to_be_at_that_time() -> None:
    seen = [1.0, 1.0, 7.5, 7.5, 10.5, 10.5, 12.0, 12.0]
    told = tell(left_and_came_back("abcdcdef"), lines("abcdcdef", seen=seen), wrong=True)
    assert "written at 7.50 s" in told.stories[0]
    assert "and again at 10.50 s" in told.stories[0]
    assert told.executed == ((1.0, 2), (7.5, 4), (10.5, 6), (12.0, 8))


def test_nobody_is_named_where_two_worked_side_by_side() -> None:
    told = tell(left_and_came_back("abababcdcdef"), lines("abababcdcdef"), wrong=True)
    assert all(writing.call is None for fate in told.fates for writing in fate.written)
    assert "by two who worked side by side: whose line is whose the ledger does not tell" in told.stories[0]


def test_without_a_ledger_nobody_is_accused_of_a_line() -> None:
    told = tell(left_and_came_back("abcdcdef"), None, wrong=True)
    assert "there is no ledger, so that nobody saw who wrote it" in told.stories[0]
    assert told.executed == ()
    assert told.steps[-1].text.endswith("the workload has 6: 2 twice.")


def test_a_lost_record_that_was_executed_is_told_apart_from_one_that_never_was() -> None:
    executed = tell(left_and_came_back("abef"), lines("abcdef"), wrong=True)
    assert executed.stories[0].startswith("c to d (2 records of batch 2) are not in the output: written")
    assert "and yet they are missing at the end" in executed.stories[0]
    never = tell(left_and_came_back("abef"), lines("abef"), wrong=True)
    assert "no life of the server has ever executed them" in never.stories[0]


@pytest.mark.parametrize(
    ("shown", "hunks"),
    [
        ("abcdef", [("same", 0, 6)]),
        ("abcdcdef", [("same", 0, 4), ("twice", 2, 2), ("same", 4, 2)]),
        ("abef", [("same", 0, 2), ("lost", 2, 2), ("same", 4, 2)]),
        ("aBcdef", [("same", 0, 1), ("changed", 1, 1), ("same", 2, 4)]),
        ("abxcdef", [("same", 0, 2), ("unexpected", -1, 1), ("same", 2, 4)]),
        ("abdcef", [("same", 0, 2), ("same", 3, 1), ("moved", 2, 1), ("same", 4, 2)]),
        ("cdef", [("lost", 0, 2), ("same", 2, 4)]),
        ("abcd", [("same", 0, 4), ("lost", 4, 2)]),
    ],
)
def test_expected_and_found_are_compared_in_the_order_of_the_output(
    shown: str, hunks: list[tuple[str, int, int]]
) -> None:
    golden = left_and_came_back(shown)
    told = tell(golden, lines("abcdef"), wrong=shown != "abcdef")
    assert [(hunk.kind, hunk.first, hunk.count) for hunk in told.records.hunks] == hunks


def test_batches_of_one_story_are_told_in_one_sentence() -> None:
    told = tell(left_and_came_back("abcdcdefef"), lines("ababcdcdefef"), wrong=True)
    assert len(told.fates) == 2
    assert len(told.stories) == 1
    assert told.stories[0].startswith("c to f (4 records of batches 2 to 3) are in the output twice: written until ")
    assert "From here on two work on the job at once: 6 records of ledger lines 3 to 12 had been executed" in said(told)
    assert sum("work on the job at once" in step.text for step in told.steps) == 1


def test_what_was_written_behind_a_death_is_not_the_dead_life_s() -> None:
    history = killed_twice()
    counted = [
        replace(o, value={**o.value, "ledger_lines": 2}) if o.op is Op.FAULT and o.type is Type.OK else o
        for o in history.operations
    ]
    told = tell(replace(history, operations=tuple(counted)), lines("abcdcdef"), wrong=True)
    assert "The server's third life does them again" in said(told)
    uncounted = tell(history, lines("abcdcdef"), wrong=True)
    assert "by whom the ledger does not tell" in said(uncounted)


def test_a_word_of_the_first_life_dates_no_line_of_the_second() -> None:
    told = tell(killed_twice(), lines("abcdcdef"), wrong=True)
    again = [step for step in told.steps if "had been executed before" in step.text]
    third = next(lane for lane in told.lanes if lane.who == "server").lives[2]
    assert [step.t >= third.began for step in again] == [True]


def test_events_of_the_ledger_say_how_often_and_how_many() -> None:
    told = tell(left_and_came_back("abcdcdef"), lines("abcdcdef"), wrong=True)
    [effects] = [event for event in told.events if event[4] == "effects"]
    assert effects[6] == "executions: 8 of 6 records"


# --- lives


def killed_twice() -> History:
    events = (
        H.boot(), came(0), H.connect(), H.submit(), H.progress(2), H.landed(H.KILL), H.boot(), H.connect(),
        H.progress(4), H.landed(H.KILL), H.boot(), H.connect(), H.progress(6), H.output("abcdef"),
        H.effects(t="abcbcdef"), H.end(),
    )  # fmt: skip
    return H.history(events, faults=[H.KILL, H.KILL])


def test_work_in_the_background_is_the_life_s_that_did_it_and_no_call_s() -> None:
    told = tell(killed_twice(), lines("abcbcdecdef"), wrong=True)
    again = [step.text for step in told.steps if "had been executed before" in step.text]
    assert "The server's second life does them again: ledger lines 4 to 5" in again[0]
    assert "call" not in again[0]


def test_each_death_of_the_server_ends_a_life() -> None:
    told = tell(killed_twice(), lines("abcdef"), wrong=False)
    server = next(lane for lane in told.lanes if lane.who == "server")
    assert [life.how for life in server.lives] == ["killed", "killed", "lives"]
    assert [life.row for life in server.lives] == [0, 0, 0]
    assert [bolt.landed for bolt in told.bolts] == [True, True]
    assert "Proof: killed and reaped" in said(told)


def test_a_fault_that_was_not_proven_is_told_so() -> None:
    events = (H.boot(), came(0), H.connect(), H.submit(), H.refused(H.KILL), H.end("a fault could not be proven"))
    told = tell(H.history(events, faults=[H.KILL]), None, wrong=False)
    assert "Not proven: it lives on" in said(told)
    assert "without an output: a fault could not be proven" in said(told)


def test_a_fault_of_which_nothing_was_heard_came_too_late_and_ended_nobody() -> None:
    invoke = H.landed(H.KILL)[:1]
    events = (H.boot(), came(0), H.connect(), H.submit(), invoke, H.output("abcdef"), H.effects(t="abcdef"), H.end())
    told = tell(H.history(events, faults=[H.KILL]), lines("abcdef"), wrong=False)
    assert "It came too late: the run was over before anything was heard of it" in said(told)
    [life] = next(lane for lane in told.lanes if lane.who == "server").lives
    assert life.how == "lives"


def test_a_server_that_stands_still_does_not_end() -> None:
    events = (
        H.boot(), came(0), H.connect(), H.submit(), H.landed(FREEZE, 0), H.progress(6), H.output("abcdef"), H.end()
    )  # fmt: skip
    told = tell(H.history(events, faults=[FREEZE]), None, wrong=False)
    [life] = next(lane for lane in told.lanes if lane.who == "server").lives
    assert (life.how, life.ended) == ("lives", told.end)


def test_two_lives_at_once_lie_in_rows_of_their_own() -> None:
    overlap = H.fault("overlap", Victim.SERVER)
    invoke, ok = H.landed(overlap, 0)
    events = (H.boot(), came(0), H.connect(), H.submit(), [invoke], H.boot(), [ok], H.output("abcdef"), H.end())
    told = tell(H.history(events, faults=[overlap]), None, wrong=False)
    first, second = next(lane for lane in told.lanes if lane.who == "server").lives
    assert second.began < first.ended
    assert (first.row, second.row) == (0, 1)


def test_a_second_client_has_a_lane_of_its_own() -> None:
    second = [H.Event("second-0", Type.INVOKE, Op.SUBMIT, {"tool": "start"})]
    events = (H.boot(), came(0), H.connect(), H.submit(), came(0, "second"), second, H.output("abcdef"), H.end())
    told = tell(H.history(events), None, wrong=False)
    assert [lane.who for lane in told.lanes] == ["client", "second client", "server"]
    assert [(made.client, made.life) for made in told.calls] == [("client", 1), ("second client", 1)]


def test_the_moments_of_signal_and_corpse_are_told_where_they_were_seen() -> None:
    history = killed_twice()
    changed = [
        replace(o, value={**o.value, "signalled_at": o.t - 0.75, "reaped_at": o.t - 0.25, "ledger_lines": 3})
        if o.op is Op.FAULT and o.type is Type.OK else o
        for o in history.operations
    ]  # fmt: skip
    told = tell(replace(history, operations=tuple(changed)), lines("abcdef"), wrong=False)
    first = told.bolts[0]
    assert (first.proven - first.at, first.lines) == (0.5, 3)
    assert "the ledger had 3 lines when that was known" in said(told)
    assert told.counted[0] == (first.counted, 3)
    assert told.counted[0][0] > first.proven  # it was counted behind the proof, and not at the deed


# --- clients under test


@pytest.mark.parametrize(
    ("result", "ending", "paths"),
    [
        ([["$.exit", "0"], ["$.total", "50"]], "The client ends with the undisturbed run's result.", []),
        ([["$.exit", "1"]], "2 values of its result are not the undisturbed run's.", ["$.exit", "$.total"]),
    ],
)
def test_a_client_s_result_is_held_against_the_undisturbed_one(result: Any, ending: str, paths: list[str]) -> None:
    expected = H.Event("lab", Type.OK, Op.EXPECT, {"result": [["$.exit", "0"], ["$.total", "50"]]})
    ended = [H.Event("client-1", Type.OK, Op.OUTPUT, {"how": "exit code 0", "result": result})]
    events = ([expected], H.boot(), came(0), H.ask(), H.landed(H.KILL_CLIENT), came(1), H.submit(1), ended, H.end())
    told = tell(H.history(events, faults=[H.KILL_CLIENT], golden=None), None, wrong=bool(paths))
    assert told.steps[-1].text.endswith(ending)
    assert [difference.path for difference in told.records.differences] == paths
    client = next(lane for lane in told.lanes if lane.who == "client")
    assert [life.how for life in client.lives] == ["killed", "lives"]


# --- bounds


def test_a_long_history_is_folded_and_its_faults_are_kept() -> None:
    many = [H.progress(n / 1000) for n in range(3000)]
    events = (H.boot(), came(0), H.connect(), H.submit(), *many, H.landed(H.KILL), *many, H.output("abcdef"), H.end())
    told = tell(H.history(events, faults=[H.KILL]), lines("abcdef"), wrong=False)
    assert len(told.events) + told.folded == 6000 + 10
    assert len(told.events) < 500
    assert [event[4] for event in told.events].count("fault") == 2
    assert len(told.acknowledged) <= 400
    assert len(told.acks) <= 400


def test_no_text_of_a_subject_keeps_its_control_characters() -> None:
    events = (H.boot(), came(0), H.connect(), H.submit(task="\x1b[31mred\x07"), [H.Event(
        "client-0", Type.FAIL, Op.OUTPUT, {"reason": "failed", "error": "\x1b]0;gone\x07</script>" + "x" * 10**6})],
        H.end("\x00"))  # fmt: skip
    told = tell(H.history(events), None, wrong=True)
    shown = said(told) + str(told.events)
    assert "\x1b" not in shown
    assert "\\x1b" not in shown
    assert len(shown) < 20_000


def test_a_history_that_broke_off_at_once_is_told() -> None:
    told = tell(H.history([]), None, wrong=False)
    assert "without an output: broken off" in said(told)
    assert told.lanes == ()
