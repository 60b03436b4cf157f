"""A campaign as data: what was found and counted is written and read again, and is of one subject alone."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings

from mcp_crashtest.model.campaign import Campaign, Counted, Found, State
from mcp_crashtest.model.errors import UsageError
from mcp_crashtest.model.plan import Plan
from tests.harness.model.strategies import plans

PLAN = Plan("kills", "2026-07-28", ())
LOST = Found("subject", "kills", "records.lost", "one is gone", PLAN, "runs/subject/kills/0001", 3, failed=2, tried=5)
CAMPAIGN = Campaign(4, 0, {"subject": "d"}, "0.1.0", Counted(10, 20, 15)).with_found(LOST)


@settings(max_examples=15)
@given(plan=plans)
def test_what_was_written_is_read(plan: Plan) -> None:
    campaign = CAMPAIGN.with_found(replace(LOST, invariant="task.vanished", plan=plan, state=State.MENDED))
    assert Campaign.from_json(json.loads(json.dumps(campaign.to_json()))) == campaign


@pytest.mark.parametrize(
    "changed",
    [
        {"format": 2},
        {"seed": "many"},
        {"found": [{}]},
        {"found": [{**LOST.to_json(), "state": "gone"}]},
        {"counted": {"sheep": 3}},
        {"found": [{**LOST.to_json(), "plan": {"format": 99}}]},
    ],
)
def test_what_cannot_be_read_is_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        Campaign.from_json({**CAMPAIGN.to_json(), **changed})
    with pytest.raises(UsageError, match="format"):
        Campaign.from_json([])


def test_a_seed_is_counted_when_it_is_over() -> None:
    closed = CAMPAIGN.closed(Counted(1, 2, 3))
    assert (closed.seed, closed.first, closed.counted) == (5, 0, Counted(11, 22, 18))


def test_of_another_subject_nothing_is_counted_and_what_was_found_is_kept() -> None:
    anew = CAMPAIGN.anew({"subject": "e"}, "0.1.0")
    assert (anew.seed, anew.first, anew.counted) == (5, 5, Counted())
    assert anew.found == CAMPAIGN.found


def test_only_what_is_not_mended_is_open() -> None:
    assert CAMPAIGN.open == [LOST]
    assert CAMPAIGN.with_found(replace(LOST, state=State.MENDED)).open == []


def test_what_proves_nothing_has_no_faults() -> None:
    assert Counted.of("INVALID", 3, 3) == Counted(1, 0, 0)
    assert Counted.of("PASS", 3, 2) == Counted(1, 3, 2)


def test_of_a_few_faults_no_chance_is_said() -> None:
    assert Counted(1, 29).violation_chance_below is None
    assert Counted(1, 300).violation_chance_below == 0.01
