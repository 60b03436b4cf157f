"""Two servers on one store: refusals that are clear and those that are not, leases, and work that was done by both."""

from __future__ import annotations

from typing import Any

import pytest

from mcp_crashtest.model.faults import REPLACE, TWINS, Victim
from mcp_crashtest.model.operation import History, Op, Type
from tests.harness.checkers.histories import (
    PASS,
    Event,
    boot,
    connect,
    effects,
    end,
    fail,
    fault,
    history,
    landed,
    output,
    progress,
    submit,
    verdict,
)

REPLACED, TWO = fault(REPLACE, Victim.SERVER), fault(TWINS, Victim.SERVER)
REFUSAL = {"how": "exit code 1", "last_words": "another server has this store"}


def beside(what: str, **more: Any) -> list[Event]:
    return [Event("lab", Type.OK, Op.BESIDE, {"what": what, "life": 2, "elapsed_s": 8.0, **more})]


def run(*seen: list[Event], done: str = "abcdef", kind: str = REPLACE, stretches: int = 0, **claims: Any) -> History:
    """A job in which a second server was started behind the first batch, and what was seen of it."""
    planned = TWO if kind == TWINS else REPLACED
    before = (boot(), connect(), submit(), progress(2), boot(), landed(planned, kills=0))
    behind = (progress(4), progress(6), output("abcdef"), effects(stretches, t=done), end())
    return history([*before, *seen, *behind], faults=[planned], **claims)


@pytest.mark.parametrize("kind", [REPLACE, TWINS])
@pytest.mark.parametrize("seen", [beside("took over"), beside("refused", **REFUSAL), beside("waits")])
def test_whoever_takes_over_refuses_with_a_word_or_waits_passes(kind: str, seen: list[Event]) -> None:
    assert verdict(run(seen, kind=kind)) == PASS


@pytest.mark.parametrize(
    "how",
    [
        {"how": "exit code 0", "last_words": "another server has this store"},
        {"how": "exit code 1", "last_words": " \n"},
        {"how": "SIGSEGV", "last_words": "another server has this store"},
    ],
)
def test_a_refusal_from_which_nobody_learns_why_is_found(how: dict[str, str]) -> None:
    assert verdict(run(beside("refused", **how))) == fail("error.honest")


def test_who_stops_once_the_other_has_worked_need_not_say_why() -> None:
    assert verdict(run(beside("took over"), beside("stopped", how="exit code 0", last_words=""))) == PASS


def test_who_claims_to_share_its_store_may_not_refuse() -> None:
    assert verdict(run(beside("refused", **REFUSAL), shared_store=True)) == fail("recovery.loop")
    assert verdict(run(beside("took over"), shared_store=True)) == PASS


def test_a_lease_that_is_over_is_another_servers() -> None:
    assert verdict(run(beside("waits"), lease_s=5.0)) == fail("recovery.deadline")
    assert verdict(run(beside("waits"), lease_s=9.0)) == PASS
    assert verdict(run(beside("waits"), kind=TWINS, lease_s=5.0)) == PASS, "nobody stood still"


@pytest.mark.parametrize("kind", [REPLACE, TWINS])
def test_each_of_two_may_have_one_batch_in_vain_and_no_more(kind: str) -> None:
    assert verdict(run(beside("took over"), done="abcdcdcdef", kind=kind)) == PASS
    assert verdict(run(beside("took over"), done="abcdcdcdefe", kind=kind)) == fail("fencing.double-run")
