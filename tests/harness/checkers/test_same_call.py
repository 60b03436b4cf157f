"""The same call made once more: which histories are rejected, and which of their neighbours are not."""

from __future__ import annotations

from typing import Any

import pytest

from mcp_crashtest.model.companions import Companion, answered_alike
from mcp_crashtest.model.operation import History
from tests.harness.checkers.company_histories import KILL, by_second, done, killed_in_mid_job, refused
from tests.harness.checkers.histories import ALL, PASS, Event, Events, effects, end, fail, history, submit, verdict


def called_again(*events: Events, **said: Any) -> History:
    """The server is killed in mid-way, and the second client makes the call that the first had made."""
    happened = [killed_in_mid_job(), *(e for some in events for e in some)]
    return history(happened, faults=[KILL], companion=Companion.SAME_CALL, **said)


def called_undisturbed(*events: Events, **said: Any) -> History:
    """The second client makes the first one's call behind that one's end, and nobody is in the way."""
    happened = [submit(), done(), *(e for some in events for e in some)]
    return history(happened, companion=Companion.SAME_CALL, **said)


def test_the_same_call_that_is_answered_with_the_same_task_passes() -> None:
    assert verdict(called_again([by_second(submit(), done()), done(), effects(1, t=ALL + "ab"), end()])) == PASS
    assert verdict(called_undisturbed([by_second(submit()), effects(0, t=ALL), end()])) == PASS


def by_another() -> list[Event]:
    return by_second(submit(), done(), task="u")


def test_the_same_call_that_is_answered_with_another_task_behind_a_kill_is_one_too_many() -> None:
    events = [by_another(), done(), effects(1, t=ALL + "ab", u=ALL), end()]
    assert verdict(called_again(events)) == fail("task.duplicated")
    assert verdict(called_again([by_another(), done(), end()])) == fail("task.duplicated")


@pytest.mark.parametrize("worked", [effects(0, t=ALL, u=ALL), effects(6, job=ALL + ALL), []])
def test_a_server_to_which_each_call_is_a_job_promises_nothing_else(worked: list[Event]) -> None:
    """Its output may be in one place for all of them, too: nothing of the second is judged."""
    assert verdict(called_undisturbed([by_another(), worked, end()])) == PASS
    assert verdict(called_undisturbed([by_second(submit(), done(ALL + ALL, 6), task="u"), worked, end()])) == PASS


def test_who_is_turned_away_because_there_is_such_a_job_has_lost_nothing() -> None:
    assert verdict(called_undisturbed([by_second(refused(), task=None), end()])) == PASS
    assert verdict(called_again([by_second(refused(), task=None), done(), end()])) == PASS


def test_a_call_that_does_its_job_twice_under_one_id_is_a_double_run() -> None:
    events = [by_second(submit(), done()), done(), effects(3, t=ALL + "abcdef"), end()]
    assert verdict(called_again(events)) == fail("fencing.double-run")


def test_what_a_server_promises_of_the_same_call_is_seen_in_the_history() -> None:
    assert answered_alike(called_undisturbed([by_second(submit()), end()]))
    assert not answered_alike(called_undisturbed([by_another(), end()]))
    assert not answered_alike(called_undisturbed([by_second(refused(), task=None), end()]))
