"""What grows while every life of a server is dead shows somebody who works on."""

from __future__ import annotations

import pytest

from mcp_crashtest.checkers.judge import judge
from mcp_crashtest.model.operation import History
from tests.harness.checkers.histories import KILL, PASS, away, boot, end, history, landed, output, submit, verdict


def killed(*grew: str) -> History:
    events = [boot(), submit(), landed(KILL), away(*grew), boot(), output("abcdef"), end()]
    return history(events, faults=[KILL])


def test_a_store_that_stands_still_while_the_server_is_away_is_no_matter() -> None:
    assert verdict(killed()) == PASS


@pytest.mark.parametrize(
    ("grew", "said"),
    [
        (["state/rows"], "dead for 0.20 s, and somebody worked on: state/rows changed meanwhile"),
        (list("abcde"), "somebody worked on: a, b, c and 2 more changed meanwhile"),
    ],
)
def test_what_grows_meanwhile_is_named(grew: list[str], said: str) -> None:
    [finding] = judge(killed(*grew)).findings
    assert finding.invariant == "fencing.double-run"
    assert said in finding.message
    assert finding.evidence == {"fault": 1, "grew": grew}
