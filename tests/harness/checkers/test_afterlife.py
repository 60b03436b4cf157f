"""What was done stays done: the server is killed behind the end, and a fresh client reads everything again."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mcp_crashtest.checkers.judge import judge
from mcp_crashtest.model.operation import History, Op, Type
from mcp_crashtest.model.plan import Plan
from mcp_crashtest.model.verdict import Verdict
from tests.harness.checkers.histories import (
    INVALID,
    KILL,
    PASS,
    Event,
    boot,
    connect,
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
    unknown,
    verdict,
)

FIRST = (boot(), submit(), progress(6), status("completed"), output("abcdef"))


def afterlife(*after: list[Event], before: tuple[list[Event], ...] = FIRST, **claims: Any) -> History:
    made = history([*before, landed(KILL), boot(), connect(1), *after], **claims)
    plan = replace(Plan.from_json(made.header.plan), afterlife=True)
    return replace(made, header=replace(made.header, plan=plan.to_json()))


def read_again(*, word: str = "completed", shown: str = "abcdef", count: Any = 6, **claims: Any) -> History:
    return afterlife(status(word, 1), output(shown, count, client=1), end(), **claims)


def test_a_result_that_is_read_again_as_it_was_passes() -> None:
    assert verdict(read_again()) == PASS
    assert verdict(read_again(resumes=False)) == PASS


def test_an_afterlife_in_which_nobody_looked_again_proves_nothing() -> None:
    assert verdict(afterlife(before=FIRST)) == INVALID
    unlooked = judge(afterlife(end("the client ended")))
    assert unlooked.unproven == ("what was done was not looked at again after the end",)


@pytest.mark.parametrize("claims", [{}, {"resumes": False}, {"deterministic": False}, {"ordered": False}])
def test_a_result_that_changed_is_caught_whatever_was_claimed(claims: dict[str, Any]) -> None:
    assert verdict(read_again(shown="abcde", **claims)) == fail("records.lost")
    assert verdict(read_again(shown="abcdeF", **claims)) == fail("task.resurrected")
    assert verdict(read_again(shown="abcdeff", **claims)) == fail("records.duplicated")
    assert verdict(read_again(shown="abcdefg", **claims)) == fail("task.resurrected")
    assert verdict(read_again(count=0, **claims)) == fail("records.count")
    assert verdict(read_again(count=None, **claims)) == fail("records.count")


def test_the_order_may_change_only_where_none_was_claimed() -> None:
    assert verdict(read_again(shown="abcdfe")) == fail("task.resurrected")
    assert verdict(read_again(shown="abcdfe", ordered=False)) == PASS


def test_a_result_that_has_lost_a_part_is_another_one() -> None:
    before = (*FIRST[:-1], output("abcdef", shape=["result", "status"]))
    lost = output("abcdef", client=1, shape=["status"])
    kept = output("abcdef", client=1, shape=["result", "status"])
    assert verdict(afterlife(status("completed", 1), lost, end(), before=before)) == fail("task.resurrected")
    assert verdict(afterlife(status("completed", 1), kept, end(), before=before)) == PASS


def test_an_error_that_stands_in_a_result_that_had_none_is_another_result() -> None:
    before = (*FIRST[:-1], output("abcdef", errors={}))
    for errors, expected in (({"error": "lost"}, fail("task.resurrected")), ({}, PASS)):
        again = output("abcdef", client=1, errors=errors)
        assert verdict(afterlife(status("completed", 1), again, end(), before=before)) == expected
    mended = (*FIRST[:-1], output("abcdef", errors={"error": "lost"}))
    again = output("abcdef", client=1, errors={})
    assert verdict(afterlife(status("completed", 1), again, end(), before=mended)) == fail("error.honest")


def test_a_result_that_is_refused_after_it_was_read_is_lost() -> None:
    assert verdict(afterlife(status("completed", 1), failed(), end())) == fail("records.lost")
    assert verdict(afterlife(status("completed", 1), failed(), end(), resumes=False)) == fail("records.lost")


@pytest.mark.parametrize("word", ["running", "failed"])
def test_a_status_that_is_another_one_after_the_end_is_a_resurrection(word: str) -> None:
    assert verdict(read_again(word=word)) == fail("task.resurrected")


@pytest.mark.parametrize("word", ["failed", "cancelled"])
def test_a_task_that_had_failed_stays_failed(word: str) -> None:
    before = (boot(), submit(), landed(KILL), boot(), status(word), failed())
    kept = afterlife(status(word, 1), failed(), end(), before=before, resumes=False)
    flipped = afterlife(status("running", 1), stalled(), before=before, resumes=False)
    assert verdict(kept) == PASS
    assert "task.resurrected" in verdict(flipped)[1]


def test_progress_that_falls_behind_the_end_is_undone_whatever_was_claimed() -> None:
    for resumes in (True, False):
        undone = afterlife(status("completed", 1), progress(4, 1), output("abcdef", client=1), end(), resumes=resumes)
        assert verdict(undone) == fail("progress.regressed")


def test_a_kill_behind_the_end_explains_no_work_done_again() -> None:
    again = afterlife(status("completed", 1), output("abcdef", client=1), effects(t="abcdefef"), end())
    assert verdict(again) == fail("effects.rework")


# --- time to live: an event a second; submitted at second 2, asked in vain about twelve seconds later


def gone(ttl_ms: Any) -> History:
    told = {} if ttl_ms is None else {"ttl_ms": ttl_ms}
    before = (*FIRST[:3], status("completed", **told), FIRST[4])
    return afterlife(unknown(), failed("vanished"), end(), before=before)


def test_a_task_that_is_kept_for_as_long_as_it_said_is_innocent() -> None:
    assert verdict(gone(5000)) == PASS
    assert verdict(gone(0)) == PASS


def test_a_task_that_promised_an_hour_and_is_gone_after_seconds_has_vanished() -> None:
    assert verdict(gone(3_600_000)) == fail("task.vanished")
    assert verdict(gone(None)) == fail("task.vanished")
    [finding] = judge(gone(3_600_000)).findings
    assert "8.0 s later with a ttl of 3600 s" in finding.message


def test_a_ttl_that_is_over_before_the_result_could_be_read_proves_nothing() -> None:
    events = [boot(), submit(), status("running", ttl_ms=1000), landed(KILL), boot(), unknown(), failed("vanished")]
    judgement = judge(history([*events, end()], faults=[KILL]))
    assert judgement.verdict is Verdict.INVALID
    assert judgement.unproven == (
        "the task was kept for its ttl of 1 s, which was over before its result could be read",
    )


def test_a_task_that_is_evicted_in_mid_life_is_told_so() -> None:
    events = [boot(), submit(), status("running", ttl_ms=60_000), unknown(), failed("vanished"), end()]
    [finding] = judge(history(events)).findings
    assert finding.invariant == "task.vanished"
    assert finding.advice is not None
    assert "evicted" in finding.advice


@pytest.mark.parametrize(
    ("opened", "told"),
    [
        ({"session": True}, "session in which it was made"),
        ({"session": True, "again": True}, "evicted"),
        ({}, "evicted"),
    ],
)
def test_a_task_that_is_unknown_to_another_session_of_the_same_life_is_told_so(
    opened: dict[str, bool], told: str
) -> None:
    came = Event("client-0", Type.OK, Op.CONNECT, {"protocol": "2025-11-25", **opened})
    events = [boot(), submit(), status("running", ttl_ms=60_000), [came], unknown(), failed("vanished"), end()]
    [finding] = judge(history(events)).findings
    assert finding.invariant == "task.vanished"
    assert told in str(finding.advice)
    assert ("back in another session" in finding.message) == (opened == {"session": True})


# --- who it is


@pytest.mark.parametrize("name", ["id", "created_at"])
def test_a_task_that_is_another_one_after_a_restart_has_lost_its_identity(name: str) -> None:
    events = [boot(), submit(), status("running", 0, "t", **{name: "1"}), landed(KILL), boot()]
    for later, expected in (("1", PASS), ("2", fail("task.identity"))):
        told = [*events, status("running", 0, "t", **{name: later}), output("abcdef"), end()]
        assert verdict(history(told, faults=[KILL])) == expected


def test_an_id_that_each_answer_has_anew_is_not_the_tasks() -> None:
    answers = [status("running", 0, "t", id=str(n)) for n in range(2)]
    events = [boot(), submit(), *answers, landed(KILL), boot(), status("running", 0, "t", id="3"), output("abcdef")]
    assert verdict(history([*events, end()], faults=[KILL])) == PASS


def test_two_tasks_may_have_been_created_at_different_times() -> None:
    events = [boot(), submit(), status("running", created_at="1"), status("running", task="u", created_at="2")]
    assert verdict(history([*events, output("abcdef"), end()])) == PASS
