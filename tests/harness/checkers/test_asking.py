"""A task that asks is given what it asks for once: what was acknowledged is kept, what waits goes on waiting."""

from __future__ import annotations

import pytest

from mcp_crashtest.model.companions import Companion
from mcp_crashtest.model.operation import Op, Type
from mcp_crashtest.model.plan import Size
from mcp_crashtest.model.verdict import Verdict
from tests.harness.checkers.company_histories import FOUR, by_second, done, expected, given_to_second
from tests.harness.checkers.histories import (
    KILL,
    PASS,
    Event,
    boot,
    end,
    fail,
    history,
    landed,
    output,
    progress,
    status,
    submit,
    verdict,
)
from tests.harness.checkers.operation_histories import acknowledged

Verdicts = tuple[Verdict, list[str]]
FORGOTTEN = fail("task.input-forgotten")
RESTART = (landed(KILL), boot())
ASKS, WORKS, GIVEN = status("input_required"), status("running"), acknowledged(Op.ANSWER)
DONE = (output("abcdef"), end())
UNHEARD = [Event("operator", type_, Op.ANSWER, {}, "t") for type_ in (Type.INVOKE, Type.INFO)]


def asked(*after: list[Event], often: int = 1) -> Verdicts:
    """What comes of a job that asks so often undisturbed, and has begun to ask here."""
    events = [boot(), submit(), progress(2), ASKS, *after]
    return verdict(history(events, faults=[KILL], showed={"asks": often}))


def test_an_answer_that_is_asked_for_again_in_a_later_life_was_forgotten() -> None:
    assert asked(GIVEN, WORKS, *RESTART, ASKS, GIVEN, *DONE) == FORGOTTEN
    assert asked(GIVEN, *RESTART, GIVEN, *DONE) == FORGOTTEN


def test_one_that_was_acknowledged_before_or_after_the_kill_is_asked_for_once() -> None:
    assert asked(GIVEN, WORKS, *RESTART, *DONE) == PASS
    assert asked(*RESTART, ASKS, GIVEN, *DONE) == PASS


def test_one_that_nobody_has_heard_of_may_be_asked_for_again_or_not() -> None:
    assert asked(UNHEARD, *RESTART, ASKS, GIVEN, *DONE) == PASS
    assert asked(UNHEARD, *RESTART, *DONE) == PASS
    assert asked(*RESTART, ASKS, UNHEARD[:1], *DONE) == PASS  # the run was over before its acknowledgement came


def test_whoever_takes_his_time_and_is_answered_twice_has_forgotten_nothing() -> None:
    assert asked(GIVEN, GIVEN, WORKS, *RESTART, *DONE) == PASS


def test_a_second_question_is_another_one() -> None:
    assert asked(GIVEN, WORKS, *RESTART, ASKS, GIVEN, *DONE, often=2) == PASS


def test_a_look_that_comes_before_the_acknowledgement_shows_what_the_answer_has_done() -> None:
    invoked, heard = GIVEN[0], GIVEN[-1]
    assert asked([invoked], WORKS, [heard], progress(4), ASKS, GIVEN, WORKS, *RESTART, *DONE, often=2) == PASS
    assert asked([invoked], WORKS, [heard], *RESTART, ASKS, GIVEN, *DONE) == FORGOTTEN


def test_a_job_that_waited_and_comes_to_its_output_without_an_answer_has_forgotten_its_question() -> None:
    assert asked(*RESTART, WORKS, *DONE) == FORGOTTEN


def test_a_job_that_nobody_has_seen_ask_is_not_accused_of_it() -> None:
    events = [boot(), submit(), progress(2), *RESTART, *DONE]
    assert verdict(history(events, faults=[KILL], showed={"asks": 1})) == PASS


# --- two jobs, of which each asks once

SECOND_GIVEN = given_to_second()


@pytest.mark.parametrize("companion", [Companion.ANOTHER_JOB, Companion.ANOTHER_JOB_LATER])
@pytest.mark.parametrize(
    ("answers", "comes_to"),
    [
        (SECOND_GIVEN, PASS),
        ([*SECOND_GIVEN, *by_second(WORKS, task="u"), *SECOND_GIVEN], FORGOTTEN),
        ([], FORGOTTEN),
    ],
)
def test_what_the_first_job_was_given_says_nothing_of_the_second(
    companion: Companion, answers: list[Event], comes_to: Verdicts
) -> None:
    first = [expected(FOUR, asks=1), boot(), submit(), ASKS, GIVEN, WORKS, *RESTART, done()]
    second = [by_second(submit(), ASKS, task="u"), answers, by_second(done(FOUR), task="u"), end()]
    size = Size(len(FOUR), 2)
    assert (
        verdict(history([*first, *second], faults=[KILL], companion=companion, second=size, showed={"asks": 1}))
        == comes_to
    )


@pytest.mark.parametrize(("companion", "comes_to"), [(Companion.JOB_BESIDE, FORGOTTEN), (Companion.ANOTHER_JOB, PASS)])
def test_a_job_that_never_asks_beside_one_that_was_given_what_it_asked_for_has_taken_the_others(
    companion: Companion, comes_to: Verdicts
) -> None:
    """Where nothing was kept yet of another job's answer, nobody has seen it ask and nobody knows why."""
    begun = [expected(FOUR, asks=1), boot(), submit(), by_second(submit(), WORKS, task="u"), ASKS, GIVEN, WORKS]
    ended = [*RESTART, done(), by_second(done(FOUR), task="u"), end()]
    size = Size(len(FOUR), 2)
    judged = verdict(history([*begun, *ended], faults=[KILL], companion=companion, second=size, showed={"asks": 1}))
    assert judged == comes_to
