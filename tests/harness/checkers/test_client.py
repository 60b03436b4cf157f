"""The checker of clients: each violating history is rejected for what it breaks, and its lawful neighbour passes."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mcp_crashtest.checkers.judge import judge
from tests.harness.checkers.client_histories import (
    CLIENT_ENDING,
    answered,
    asks,
    client_history,
    client_killed,
    ends_with,
    lost,
    prints,
    starts,
    state,
    stateless,
    submits,
    torn,
)
from tests.harness.checkers.histories import INVALID, PASS, effects, end, exits, fail, stalled, verdict

UNDISTURBED = (starts(), submits(), answered("s"), asks("s"), prints("6"))
WORKED = effects(s="abcdef")


def test_an_undisturbed_client_passes() -> None:
    assert verdict(client_history([*UNDISTURBED, WORKED, end()])) == PASS


# --- client.reattach


def test_another_request_by_a_later_life_is_a_second_task() -> None:
    assert verdict(client_killed(asks("s"), submits(1, "y"), *CLIENT_ENDING)) == fail("client.reattach")


def test_the_same_request_by_a_later_life_attaches_to_the_first_task() -> None:
    assert verdict(client_killed(asks("s"), submits(1), answered("s", 1), *CLIENT_ENDING)) == PASS


def test_the_same_request_that_is_answered_with_another_task_is_a_second_one() -> None:
    assert verdict(client_killed(asks("s"), submits(1), answered("t", 1), *CLIENT_ENDING)) == fail("client.reattach")


def test_another_task_in_an_answer_that_was_lost_is_a_second_one_too() -> None:
    assert verdict(client_killed(asks("s"), submits(1), lost("t", 1), *CLIENT_ENDING)) == fail("client.reattach")


def test_a_task_is_the_same_by_its_resource_and_by_its_id() -> None:
    same = client_killed(asks("task://status/s"), submits(1), answered("s", 1), *CLIENT_ENDING)
    assert verdict(same) == PASS


def test_a_life_that_never_asked_may_not_have_known_its_task() -> None:
    assert verdict(client_killed([], submits(1, "y"), answered("s", 1), *CLIENT_ENDING)) == PASS


def test_a_call_that_blocks_is_had_as_soon_as_it_is_made() -> None:
    history = client_killed([], submits(1, "y"), answered(None, 1), *CLIENT_ENDING, contract="resumable-tool")
    assert verdict(history) == fail("client.reattach")


def test_a_call_that_blocks_is_made_again_with_the_same_arguments() -> None:
    history = client_killed([], submits(1), answered(None, 1), *CLIENT_ENDING, contract="resumable-tool")
    assert verdict(history) == PASS


# --- client.state


def test_a_torn_state_file_is_a_violation() -> None:
    assert verdict(client_killed(asks("s"), torn(), asks("s", 1), *CLIENT_ENDING)) == fail("client.state")


def test_a_state_file_that_names_the_servers_task_is_none() -> None:
    assert verdict(client_killed(asks("s"), state("task://x/s"), asks("s", 1), *CLIENT_ENDING)) == PASS


def test_a_state_file_that_names_a_task_which_the_server_does_not_have_is_a_violation() -> None:
    assert verdict(client_killed(asks("s"), state("u"), asks("s", 1), *CLIENT_ENDING)) == fail("client.state")


def test_a_state_file_may_not_know_the_task_yet() -> None:
    assert verdict(client_killed(asks("s"), state(), asks("s", 1), state("s", life=1), *CLIENT_ENDING)) == PASS


def test_a_state_file_that_changes_its_task_is_a_violation() -> None:
    changed = client_killed(asks("s"), state("s"), asks("s", 1), lost("t", 1), state("t", life=1), *CLIENT_ENDING)
    assert "client.state" in verdict(changed)[1]


def test_no_state_file_is_a_violation_once_the_client_has_had_its_task() -> None:
    assert verdict(client_killed(asks("s"), stateless(), asks("s", 1), *CLIENT_ENDING)) == fail("client.state")


def test_no_state_file_is_none_before_it_has_had_one_and_once_it_is_done() -> None:
    before = client_killed([], stateless(), submits(1), answered("s", 1), *CLIENT_ENDING)
    done = client_killed(asks("s"), state("s"), asks("s", 1), stateless(1, done=True), *CLIENT_ENDING)
    assert verdict(before) == PASS
    assert verdict(done) == PASS


# --- client.result


def test_another_exit_code_than_0_is_a_violation() -> None:
    assert verdict(client_killed(asks("s"), ends_with(3, 1), WORKED, end())) == fail("client.result")


def test_another_result_than_the_golden_runs_is_a_violation() -> None:
    assert verdict(client_killed(asks("s"), prints("5", 1), WORKED, end())) == fail("client.result")


def test_a_client_that_never_ends_is_a_violation() -> None:
    assert verdict(client_killed(asks("s"), asks("s", 1), WORKED, stalled())) == fail("client.result")


def test_a_server_that_ends_by_itself_is_not_its_clients_fault() -> None:
    gone = client_killed(asks("s"), exits(), ends_with(3, 1), WORKED, end("the server ended by itself"))
    assert verdict(gone) == INVALID


# --- task.duplicated


def test_two_tasks_at_work_for_one_job_are_a_violation() -> None:
    twice = client_killed([], submits(1, "y"), answered("t", 1), prints("6", 1), effects(s="ab", t="abcdef"), end())
    assert verdict(twice) == fail("task.duplicated")


def test_one_task_at_work_for_a_job_that_was_submitted_twice_is_none() -> None:
    once = client_killed([], submits(1), answered("s", 1), prints("6", 1), effects(s="abcdef"), end())
    assert verdict(once) == PASS


# --- what proves nothing


@pytest.mark.parametrize(
    ("events", "said"),
    [
        (lambda: [*UNDISTURBED, end()], "no ledger shows"),
        (lambda: [starts(), prints("6"), WORKED, end()], "has never called the job's tool"),
        (lambda: [*UNDISTURBED[:-1], WORKED, end("broken off")], "ended without an output"),
    ],
)
def test_what_shows_nothing_is_invalid(events: Callable[[], list[list[object]]], said: str) -> None:
    judgement = judge(client_history(events()))  # type: ignore[arg-type]
    assert not judgement.findings
    assert said in " ".join(judgement.unproven)


def test_a_kill_that_did_not_land_makes_the_run_invalid() -> None:
    history = client_killed(asks("s"), asks("s", 1), *CLIENT_ENDING)
    unharmed = [o for o in history.operations if o.op != "fault"]
    judgement = judge(type(history)(history.header, unharmed))
    assert judgement.verdict.name == "INVALID"
    assert "the run was over before this fault could land" in judgement.unproven[0]
