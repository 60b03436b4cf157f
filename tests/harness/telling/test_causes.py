"""Why a run went wrong is said from what was seen, and from nothing else."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mcp_crashtest.model.companions import Companion
from mcp_crashtest.model.faults import Victim
from mcp_crashtest.model.operation import History, Op, Type
from mcp_crashtest.telling.causes import Left
from mcp_crashtest.telling.run import Telling, tell
from tests.harness.checkers import histories as H
from tests.harness.telling.test_run import answered, call, came, left_and_came_back, lines

CANCELLED = Left("state.json", 90, '{"step": 6, "error_message": "Cancelled via cancel scope"}')
TORN = Left("checkpoints.json", 0, "")
JSON_ERROR = "Error calling tool 'work': Expecting value: line 1 column 1 (char 0)"


def refused(error: str = JSON_ERROR) -> History:
    """A server is killed; its next life answers with this error."""
    again = [H.Event("client-0", Type.FAIL, Op.SUBMIT, {"error": error})]
    output = [H.Event("client-0", Type.FAIL, Op.OUTPUT, {"reason": "refused", "error": error})]
    return call(
        H.boot(), came(0), H.connect(), H.ask(), H.progress(2, task=None), H.landed(H.KILL), H.boot(), H.connect(),
        H.ask(), again, output, H.effects(t="abcd"), H.end(), faults=[H.KILL],
    )  # fmt: skip


def why(told: Telling) -> str:
    return "\n".join(told.why)


# --- it did not resume


def test_an_error_is_quoted_beside_the_empty_file_that_it_speaks_of() -> None:
    said = why(tell(refused(), lines("abcd", seen=[2.0, 2.0, 4.0, 4.0]), wrong=True, left=[TORN]))
    assert f"Call 2 was answered with an error instead of going on: “{JSON_ERROR}”." in said
    assert "The server's second life executed nothing; 4 records had been executed before it." in said
    assert "state file checkpoints.json was empty (0 bytes) when the run was over, as a file is that was being" in said


@pytest.mark.parametrize(
    ("file", "told"),
    [
        (Left("a.json", 9, '{"step": '), "a.json was no whole JSON (9 bytes)"),
        (Left("a.json", 9000, '{"step": ', whole=False), None),
        (Left("a.json", 11, '{"step": 5}'), None),
        (Left("data.bin", 9, None), None),
        (Left("server.lock", 0, ""), None),
        (Left("tasks.db-journal", 0, ""), None),
    ],
)
def test_a_file_that_can_be_read_or_is_no_state_is_not_accused(file: Left, told: str | None) -> None:
    said = why(tell(refused(), lines("abcd"), wrong=True, left=[file]))
    assert ("state file" in said) == (told is not None)
    assert told is None or told in said


def test_an_empty_file_is_not_accused_where_the_error_is_of_something_else() -> None:
    said = why(tell(refused("no such task"), lines("abcd"), wrong=True, left=[Left("out.txt", 0, "")]))
    assert "state file" not in said


def test_a_life_that_executed_something_is_not_said_to_have_executed_nothing() -> None:
    worked = lines("abcd", seen=[2.0, 2.0, 4.0, 9.5])
    assert "executed nothing" not in why(tell(refused(), worked, wrong=True))


# --- it began anew


def test_where_the_next_call_began_is_said_against_what_was_there() -> None:
    seen = [5.0, 5.0, 5.5, 5.5, 10.5, 10.5, 12.0, 12.0]
    told = tell(left_and_came_back("abcdcdef"), lines("abcdcdef", seen=seen), wrong=True)
    assert told.why == (
        "Call 2 began at record 3 of 6, although 4 had been executed, 2 of them acknowledged: so batch 2 was done "
        "again.",
    )


def test_what_was_acknowledged_once_the_new_life_had_begun_is_not_counted_for_the_old_one() -> None:
    events = (
        H.boot(), came(0), H.connect(), H.submit(), H.progress(2), H.landed(H.KILL), H.boot(), H.connect(),
        H.progress(4), H.progress(6), H.output("abcdef"), H.effects(t="abcdabcdef"), H.end(),
    )  # fmt: skip
    said = why(tell(H.history(events, faults=[H.KILL]), lines("abcdabcdef"), wrong=True, broke=["effects.rework"]))
    assert said == (
        "The server's second life began at record 1 of 6, although 4 had been executed, 2 of them acknowledged: so "
        "batches 1 to 2 were done again."
    )


def test_the_error_that_the_state_keeps_of_a_leaving_client_is_quoted() -> None:
    told = tell(left_and_came_back("abcdcdef"), lines("abcdcdef"), wrong=True, left=[CANCELLED])
    assert told.why[0] == (
        "The server took it for an error that the client went away (fault 1): state.json has error_message “Cancelled "
        "via cancel scope”."
    )
    other = replace(CANCELLED, text='{"last_error": "disk quota"}')
    told = tell(left_and_came_back("abcdcdef"), lines("abcdcdef"), wrong=True, left=[other])
    assert told.why[0] == "The server has kept an error: state.json has last_error “disk quota”."
    none = replace(CANCELLED, text='{"error": ""}')
    assert "error" not in why(tell(left_and_came_back("abcdcdef"), lines("abcdcdef"), wrong=True, left=[none]))


def test_a_run_that_is_right_needs_no_cause() -> None:
    assert tell(left_and_came_back("abcdef"), lines("abcdef"), wrong=False, left=[CANCELLED, TORN]).why == ()


def test_without_a_ledger_nobody_is_said_to_have_begun_anywhere() -> None:
    assert tell(left_and_came_back("abcdcdef"), None, wrong=True).why == ()


def test_what_was_done_again_is_no_cause_of_what_it_cannot_have_caused() -> None:
    history, ledger = left_and_came_back("abcdef"), lines("abcdcdef")
    assert tell(history, ledger, wrong=True, broke=["progress.monotonic"]).why == ()
    assert "was done again" in why(tell(history, ledger, wrong=True, broke=["effects.rework"]))


def test_a_second_job_s_lines_are_not_taken_for_work_that_was_done_again() -> None:
    events = (
        H.boot(), came(0), H.connect(), H.submit(), H.progress(6), H.landed(H.KILL), H.boot(), H.connect(),
        H.output("abcdef"), H.effects(t="abcdefabcdef"), H.end(),
    )  # fmt: skip
    history = H.history(events, faults=[H.KILL], companion=Companion.ANOTHER_JOB)
    told = tell(history, lines("abcdefabcdef"), wrong=True, broke=["records.count"])
    assert told.why == ()
    assert not any("had been executed before" in step.text for step in told.steps)
    alone = tell(H.history(events, faults=[H.KILL]), lines("abcdefabcdef"), wrong=True, broke=["records.count"])
    assert "done again" in why(alone)


def test_a_life_that_was_not_alone_is_not_named() -> None:
    overlap = H.fault("overlap", Victim.SERVER)
    invoke, ok = H.landed(overlap, 0)
    events = (
        H.boot(), came(0), H.connect(), H.submit(), [invoke], H.boot(), H.progress(4), [ok], H.output("abcdcdef", 8),
        H.effects(t="abcdcdef"), H.end(),
    )  # fmt: skip
    history = H.history(events, faults=[overlap])
    seen = [3.0, 3.0, 7.5, 7.5, 8.5, 8.5, 9.5, 9.5]
    told = tell(history, lines("abcdcdef", seen=seen), wrong=True)
    assert all(writing.server is None for fate in told.fates for writing in fate.written)


# --- two were at work


def test_a_call_whose_client_has_gone_and_the_next_one_are_named() -> None:
    dropped = left_and_came_back("abcdcdefef")
    said = why(tell(dropped, lines("ababcdcdefef", seen=[10.5 + n / 10 for n in range(12)]), wrong=True))
    assert "Two were at work on one job at once: call 1, whose client had gone, and call 2 of the client; from" in said
    assert "from ledger line 3 on (10.70 s) work is done again." in said


def test_two_clients_that_came_back_are_named_and_no_line_is_anybody_s() -> None:
    second = [H.Event("second-0", Type.INVOKE, Op.SUBMIT, {})]
    history = call(
        H.boot(), came(0), H.connect(), H.ask(), H.progress(2, task=None), H.landed(H.KILL_BOTH), H.boot(), came(1),
        came(0, "second"), H.connect(1), H.ask(1), second, *answered(1, "abcdcdef", 8), faults=[H.KILL_BOTH],
    )  # fmt: skip
    told = tell(history, lines("abcdcdef", seen=[2.0, 2.0, 13.0, 13.0, 13.2, 13.2, 13.4, 13.4]), wrong=True)
    assert "call 2 of the client, and call 3 of the second client" in why(told)
    assert all(writing.call is None for fate in told.fates for writing in fate.written[1:])


# --- it skipped


def test_what_nobody_executed_is_told_with_where_the_work_went_on() -> None:
    events = (
        H.boot(), came(0), H.connect(), H.submit(), H.landed(H.KILL), H.boot(), H.output("abef", 4),
        H.effects(t="abef"), H.end(),
    )  # fmt: skip
    history = H.history(events, faults=[H.KILL])
    said = why(tell(history, lines("abef", seen=[4.0, 4.0, 9.0, 9.0]), wrong=True))
    assert "After fault 1 the work went on at record 5 of 6, although only 2 had been executed" in said
    early = why(tell(history, lines("abef", seen=[1.0, 1.0, 2.0, 2.0]), wrong=True))
    assert "went on" not in early
