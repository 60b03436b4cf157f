"""Every invariant that a checker names has a history that breaks it and nothing else, and a neighbour that passes."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import mcp_crashtest.checkers
from mcp_crashtest.checkers.client import on_trial
from mcp_crashtest.checkers.judge import CHECKERS, CLIENT_CHECKERS
from mcp_crashtest.model.invariants import INVARIANTS
from mcp_crashtest.model.operation import History, Op
from tests.harness.checkers.client_histories import CLIENT_ENDING, asks, client_killed, prints, state, submits, torn
from tests.harness.checkers.histories import (
    KILL,
    PASS,
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
    unknown,
    verdict,
)
from tests.harness.checkers.operation_histories import acknowledged, listing, of
from tests.harness.checkers.stream_histories import event, joined, streamed


@dataclass(frozen=True, slots=True)
class Pair:
    """A violating history, its nearest lawful neighbour, and what is inherent to the violation beside it."""

    broken: History
    sound: History
    also: tuple[str, ...] = ()


def undisturbed(shown: str | None, count: Any = 6, **claims: Any) -> History:
    golden = None if shown is None else "abcdef"
    return history([boot(), submit(), output(shown, count), end()], golden=golden, **claims)


def killed(*after: list[Event]) -> History:
    return history([boot(), submit(), progress(2), landed(KILL), boot(), *after], faults=[KILL])


def asking(*after: list[Event]) -> History:
    """A job that asks once for something, and has come to that."""
    return history([boot(), submit(), progress(2), status("input_required"), *after], faults=[KILL], showed={"asks": 1})


ENDING = (output("abcdef"), end())
RESTART = (landed(KILL), boot())
REMARKS = {"wire.invalid"}  # stands beside the verdict, and breaks none
CATALOGUE = {
    "records.lost": Pair(undisturbed("abcdf", None), undisturbed("abcdef", None)),
    "records.duplicated": Pair(undisturbed("abbcdef", None), undisturbed("abcdef", None)),
    "records.unexpected": Pair(undisturbed("abcdefz", None), undisturbed("abcdef", None)),
    "records.reordered": Pair(undisturbed("abdcef"), undisturbed("abdcef", ordered=False)),
    "records.content": Pair(undisturbed("abCdef"), undisturbed("abCdef", deterministic=False)),
    "records.count": Pair(undisturbed("abcdef", 7), undisturbed("abcdef", 6)),
    "effects.rework": Pair(
        killed(*ENDING[:1], effects(t="ababcabcdef"), end()), killed(*ENDING[:1], effects(t="abcdcdef"), end())
    ),
    "effects.lost": Pair(
        killed(*ENDING[:1], effects(t="abcde"), end()), killed(*ENDING[:1], effects(t="abcdef"), end())
    ),
    "progress.regressed": Pair(killed(progress(1), *ENDING), killed(progress(2), *ENDING)),
    "progress.monotonic": Pair(
        history([boot(), submit(), progress(4), progress(2), *ENDING]),
        history([boot(), submit(), progress(2), progress(4), *ENDING]),
    ),
    "task.vanished": Pair(killed(unknown(), *ENDING), killed(status("running"), *ENDING)),
    "task.orphaned": Pair(killed(status("running"), stalled()), killed(status("running"), *ENDING)),
    "task.resurrected": Pair(
        killed(status("completed"), status("running"), *ENDING), killed(status("running"), status("completed"), *ENDING)
    ),
    "task.false-success": Pair(undisturbed(None, 5), undisturbed(None, 6), also=("records.count",)),
    "task.duplicated": Pair(
        killed(*ENDING[:1], effects(t="abcdef", u="ab"), end()), killed(*ENDING[:1], effects(t="abcdef"), end())
    ),
    "recovery.deadline": Pair(killed(progress(2), progress(4), stalled()), killed(progress(2), progress(4), *ENDING)),
    "recovery.loop": Pair(killed(exits(), end("the subject ended by itself")), killed(*ENDING)),
    "task.identity": Pair(
        killed(status("running", created_at="1"), status("running", created_at="2"), *ENDING),
        killed(status("running", created_at="1"), status("running", created_at="1"), *ENDING),
    ),
    "fencing.double-run": Pair(
        killed(*ENDING[:1], effects(3, t="abcabcdef"), end()), killed(*ENDING[:1], effects(1, t="abcdcdef"), end())
    ),
    "task.cancel-forgotten": Pair(
        killed(acknowledged(Op.PAUSE), *RESTART, progress(2), progress(4), *ENDING),
        killed(*RESTART, progress(2), progress(4), *ENDING),
    ),
    "task.input-forgotten": Pair(
        asking(acknowledged(Op.ANSWER), *RESTART, status("input_required"), acknowledged(Op.ANSWER), *ENDING),
        asking(acknowledged(Op.ANSWER), *RESTART, *ENDING),
    ),
    "task.listing": Pair(killed(listing(), *ENDING), killed(listing(("t", "running")), *ENDING)),
    "isolation.leak": Pair(
        history([boot(), of("ann", submit(task="x")), of("bob", status("running", task="x")), *ENDING]),
        history([boot(), of("ann", submit(task="x")), of("ann", status("running", task="x")), *ENDING]),
    ),
    "error.honest": Pair(
        history([boot(), submit(), output("abcdef", errors={"error": "disk full"}), end()]),
        history([boot(), submit(), output("abcdef", errors={}), end()]),
    ),
    "stream.lost": Pair(streamed(joined("2"), event("4", 4)), streamed(joined("2"), event("3", 3), event("4", 4))),
    "stream.duplicated": Pair(streamed(joined("3"), event("3", 3)), streamed(joined("2"), event("3", 3))),
    "stream.foreign": Pair(streamed(event("9", part="foreign")), streamed(event("9", part="other"))),
    "client.reattach": Pair(
        client_killed(asks("s"), submits(1, request="y"), *CLIENT_ENDING),
        client_killed(asks("s"), asks("s", 1), *CLIENT_ENDING),
    ),
    "client.state": Pair(
        client_killed(asks("s"), torn(), asks("s", 1), *CLIENT_ENDING),
        client_killed(asks("s"), state("s"), asks("s", 1), *CLIENT_ENDING),
    ),
    "client.result": Pair(
        client_killed(asks("s"), asks("s", 1), prints("5", 1), *CLIENT_ENDING[1:]),
        client_killed(asks("s"), asks("s", 1), *CLIENT_ENDING),
    ),
}


def named_by_checkers() -> set[str]:
    """The first argument of every ``Finding(...)`` in the checkers' source."""
    names: set[str] = set()
    for path in Path(mcp_crashtest.checkers.__path__[0]).glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Finding":
                name = node.args[0]
                assert isinstance(name, ast.Constant), f"{path.name}:{node.lineno}: name the invariant literally"
                names.add(str(name.value))
    return names


def test_the_catalogue_has_every_invariant_that_a_checker_names() -> None:
    assert named_by_checkers() == set(CATALOGUE) | REMARKS


@pytest.mark.parametrize("invariant", CATALOGUE)
def test_a_history_that_breaks_it_is_rejected_for_this_and_for_what_is_inherent(invariant: str) -> None:
    pair = CATALOGUE[invariant]
    word, found = verdict(pair.broken)
    assert (word, sorted(found)) == fail(*sorted((invariant, *pair.also)))


@pytest.mark.parametrize("invariant", CATALOGUE)
def test_its_lawful_neighbour_passes(invariant: str) -> None:
    assert verdict(CATALOGUE[invariant].sound) == PASS


@pytest.mark.parametrize("invariant", sorted(named_by_checkers()))
def test_an_invariant_that_a_checker_names_can_be_explained(invariant: str) -> None:
    assert INVARIANTS[invariant].statement
    assert INVARIANTS[invariant].advice


@pytest.mark.parametrize("invariant", CATALOGUE)
def test_a_finding_points_at_operations_of_its_history_and_says_something(invariant: str) -> None:
    broken = CATALOGUE[invariant].broken
    checkers = CLIENT_CHECKERS if on_trial(broken) else CHECKERS
    findings = [finding for checker in checkers.values() for finding in checker(broken)]
    assert findings
    for finding in findings:
        assert finding.message
        assert finding.operations
        assert set(finding.operations) <= {operation.i for operation in broken.operations}


@pytest.mark.parametrize("invariant", CATALOGUE)
def test_a_saved_history_is_judged_as_it_was(invariant: str) -> None:
    broken = CATALOGUE[invariant].broken
    assert verdict(History.from_lines(broken.to_lines())) == verdict(broken)
