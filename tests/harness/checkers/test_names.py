"""The right name for it, and advice that fits what was seen."""

from __future__ import annotations

import pytest

from mcp_crashtest.checkers.judge import judge
from mcp_crashtest.model.companions import Companion
from mcp_crashtest.model.faults import Fault
from mcp_crashtest.model.operation import Op, Type
from mcp_crashtest.model.verdict import Finding, Verdict
from tests.harness.checkers.histories import (
    DROP,
    KILL,
    KILL_BOTH,
    KILL_CLIENT,
    PASS,
    TERMINATE,
    Event,
    boot,
    effects,
    end,
    exits,
    fail,
    history,
    landed,
    output,
    progress,
    stalled,
    status,
    submit,
    verdict,
)


def killed(*after: list[Event]) -> tuple[Verdict, list[str]]:
    return verdict(history([boot(), submit(), landed(KILL), boot(), *after], faults=[KILL]))


# --- a new id


def test_a_job_that_goes_on_under_another_id_after_a_restart_has_lost_its_identity() -> None:
    assert killed(output("abcdef"), effects(t="abc", u="def"), end()) == fail("task.identity")
    assert killed(output("abcdef"), effects(t="abcd", u="cdef"), end()) == fail("task.identity")
    assert killed(output("abcdef"), effects(t="abcdef"), end()) == PASS


def test_a_second_task_that_does_the_whole_job_is_a_second_task() -> None:
    assert killed(output("abcdef"), effects(t="ab", u="abcdef"), end()) == fail("task.duplicated")


def test_two_tasks_that_share_a_job_without_a_restart_are_two() -> None:
    events = [boot(), submit(), output("abcdef"), effects(t="abc", u="def"), end()]
    assert verdict(history(events)) == fail("task.duplicated")


# --- two at work, or one that began anew


@pytest.mark.parametrize(
    ("stretches", "name"), [(None, "effects.rework"), (1, "effects.rework"), (3, "fencing.double-run")]
)
def test_work_done_again_batch_by_batch_is_two_at_work_and_in_one_piece_a_new_beginning(
    stretches: int | None, name: str
) -> None:
    assert killed(output("abcdef"), effects(stretches, t="abcabcdef"), end()) == fail(name)


def test_what_a_batch_under_way_explains_is_neither() -> None:
    assert killed(output("abcdef"), effects(2, t="abcdcdef"), end()) == PASS


# --- an end that nobody knows


def unheard_of(word: str) -> list[Event]:
    return [Event("client-0", Type.INFO, Op.STATUS, {"status": word}, "t")]


def stands_still(word: str, *more: list[Event], resumes: bool = True, before: str = "running") -> list[str]:
    begun = [boot(), submit(), status(before), unheard_of("interrupted"), progress(2)]
    events = [*begun, landed(KILL), boot(), status(word), *more, stalled()]
    judgement = judge(history(events, faults=[KILL], resumes=resumes))
    return [f"{finding.invariant}: {finding.message}" for finding in judgement.findings] or list(judgement.unproven)


def test_a_job_that_was_to_resume_and_stands_still_at_an_unknown_word_has_lost_its_records() -> None:
    assert stands_still("interrupted") == ["records.lost: the job did not resume: it ended as 'interrupted'"]
    assert stands_still("interrupted", effects(t="abcd")) == stands_still("interrupted")


def test_a_word_that_says_it_goes_on_is_an_orphans() -> None:
    [orphan] = stands_still("running")
    assert orphan.startswith("task.orphaned: the task still says 'running'")
    [orphan] = stands_still("interrupted", before="interrupted")
    assert orphan.startswith("task.orphaned: the task still says 'interrupted'")


def test_an_unknown_word_is_nobodys_fault_where_nothing_was_claimed_or_everything_is_done() -> None:
    for said in (stands_still("interrupted", resumes=False), stands_still("interrupted", effects(t="abcdef"))):
        assert any('say so with words = { failed = ["interrupted"] }' in text for text in said)
        assert not any(text.startswith(("records.lost", "task.orphaned")) for text in said)


# --- advice


@pytest.mark.parametrize(
    ("words", "advice"),
    [
        ("OSError: [Errno 98] Address already in use", "a port taken"),
        ("server.pid exists: already running?", "lock or pid file"),
        ("sqlite3.DatabaseError: database disk image is malformed", "-wal file"),
        ("sqlite3.OperationalError: database is locked", "locked"),
        ("json.decoder.JSONDecodeError: Expecting value: line 1", "being written when it was killed"),
        ("sqlite3.IntegrityError: UNIQUE constraint failed", "what its last life has left"),
    ],
)
def test_the_last_words_of_a_server_that_does_not_come_back_choose_the_advice(words: str, advice: str) -> None:
    ended = end("the server ended by itself")
    events = [boot(), submit(), landed(KILL), boot(), exits(last_words=words), ended]
    [finding] = judge(history(events, faults=[KILL])).findings
    assert finding.invariant == "recovery.loop"
    assert advice in str(finding.advice)
    assert finding.to_json()["advice"] == finding.advice


def test_a_server_that_hangs_over_a_stale_lock_is_told_so_too() -> None:
    events = [boot(), submit(), landed(KILL), boot(), stalled(last_words="waiting for data.lock")]
    [finding] = judge(history(events, faults=[KILL])).findings
    assert "lock or pid file" in str(finding.advice)


def test_without_a_word_that_is_known_there_is_no_advice_but_the_tables() -> None:
    events = [boot(), submit(), landed(KILL), boot(), exits(last_words="oops"), end("the server ended by itself")]
    [finding] = judge(history(events, faults=[KILL])).findings
    assert finding.advice is None
    assert "advice" not in finding.to_json()


def ended_with(error: str, *faults: Fault) -> Finding:
    """The one finding of a job that ended so, behind these faults."""
    answer = [Event("client-0", Type.FAIL, Op.OUTPUT, {"reason": "refused", "error": error}, "t")]
    events = [boot(), submit(), *(landed(fault) for fault in faults), boot(), answer, end()]
    [finding] = judge(history(events, faults=faults)).findings
    return finding


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        ("Error calling tool 'x': Expecting value: line 1 column 1 (char 0)", "being written when it was killed"),
        ("Unexpected token: '' is not valid JSON", "being written when it was killed"),
        ("sqlite3.OperationalError: database is locked", "busy_timeout"),
        ("UNIQUE constraint failed: tasks.id", "Create what is missing only"),
        ("malformed arguments", "go on behind its last batch"),
        ("the worker was killed", "go on behind its last batch"),
    ],
)
def test_a_job_that_did_not_resume_is_advised_by_its_own_error(error: str, advice: str) -> None:
    finding = ended_with(error, KILL)
    assert finding.message.startswith("the job did not resume: it ended with ")
    assert advice in str(finding.advice)
    assert "ran ahead" not in str(finding.advice)


def test_a_job_that_failed_with_nobody_in_the_way_did_not_fail_to_resume() -> None:
    assert ended_with("Expecting value: line 1").advice is None


@pytest.mark.parametrize(
    ("faults", "stretches", "advice"),
    [
        ((KILL,), 1, "was not yet when the server died"),
        ((TERMINATE,), 1, "on the way out"),
        ((TERMINATE, KILL), 1, None),
        ((DROP,), 1, "no reason to undo a batch"),
        ((KILL_CLIENT,), 1, "no reason to undo a batch"),
        ((DROP,), 5, "Two were at work on one job"),
        ((DROP, KILL), 1, None),
        ((KILL_BOTH,), 1, "was not yet when the server died"),
    ],
)
def test_what_is_there_twice_is_mended_by_who_was_harmed(
    faults: tuple[Fault, ...], stretches: int, advice: str | None
) -> None:
    events = [boot(), submit(), *(landed(fault) for fault in faults), boot(), output("ababcdef"), end()]
    judged = judge(history([*events, effects(stretches, t="ababcdef")], faults=faults))
    [finding] = [one for one in judged.findings if one.invariant == "records.duplicated"]
    assert finding.advice is None if advice is None else advice in str(finding.advice)


@pytest.mark.parametrize(("fault", "advice"), [(DROP, "join the work that is under way"), (KILL, None)])
def test_work_that_is_done_again_for_a_client_that_left_is_not_said_to_start_over(
    fault: Fault, advice: str | None
) -> None:
    events = [boot(), submit(), landed(fault), boot(), output("abcdef"), effects(1, t="abcdabcdef"), end()]
    judged = judge(history(events, faults=[fault]))
    [finding] = [one for one in judged.findings if one.invariant == "effects.rework"]
    assert finding.advice is None if advice is None else advice in str(finding.advice)


@pytest.mark.parametrize(
    ("faults", "beside", "advice"),
    [
        ((DROP,), None, "the next call starts the same job beside it"),
        ((KILL,), Companion.SAME_JOB, "Two clients asked"),
    ],
)
def test_two_at_work_are_told_apart_by_how_they_came_to_be_two(
    faults: tuple[Fault, ...], beside: Companion | None, advice: str
) -> None:
    events = [
        boot(),
        submit(),
        *(landed(fault) for fault in faults),
        output("abcdef"),
        effects(5, t="ababcdcdef"),
        end(),
    ]
    judged = judge(history(events, faults=faults, companion=beside))
    [finding] = [one for one in judged.findings if one.invariant == "fencing.double-run"]
    assert advice in str(finding.advice)
