"""Plans as data: their bytes, their name, their size."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given

from mcp_crashtest.model.errors import UsageError
from mcp_crashtest.model.plan import Action, Coordinate, Fault, Phase, Plan, Victim
from tests.harness.model.strategies import documents, plans

AT = Coordinate(3, Phase.COMMITTED_UNACKNOWLEDGED)
PLAN = Plan("kill", "2026-07-28", (Fault(Action.KILL, Victim.SERVER, AT),))
TEXT = (
    '{"faults":[{"action":"kill","batch":3,"phase":"committed-unacknowledged","task":0,"victim":"server"}],'
    '"format":1,"protocol":"2026-07-28","scenario":"kill"}'
)


def test_a_plan_has_these_bytes_and_this_name_for_ever() -> None:
    assert PLAN.to_text() == TEXT
    assert PLAN.digest == "8c02e28613a8"


@given(plans)
def test_a_plan_comes_back_from_its_text(plan: Plan) -> None:
    assert Plan.from_json(json.loads(plan.to_text())) == plan


@given(plans)
def test_equal_plans_have_equal_bytes_and_equal_names(plan: Plan) -> None:
    other = Plan.from_json(json.loads(plan.to_text()))
    assert plan.to_text().encode("ascii") == other.to_text().encode("ascii")
    assert plan.digest == other.digest


@given(plans, plans)
def test_plans_that_differ_have_other_bytes(one: Plan, other: Plan) -> None:
    assert (one == other) == (one.to_text() == other.to_text())


@given(documents)
def test_whatever_json_stands_in_the_place_of_a_plan_is_a_plan_or_a_usage_error(document: object) -> None:
    for data in (document, {"format": 1, "scenario": "s", "protocol": "p", "faults": document}):
        with suppress(UsageError):
            Plan.from_json(data)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "value"),
    [("batch", float("inf")), ("batch", None), ("phase", "nowhere"), ("action", "bribe"), ("victim", "nobody")],
)
def test_a_fault_that_cannot_be_read_is_a_usage_error(name: str, value: object) -> None:
    data = json.loads(TEXT)
    data["faults"][0][name] = value
    with pytest.raises(UsageError, match="this plan cannot be read"):
        Plan.from_json(data)


def test_a_plan_of_an_unknown_format_is_refused_with_the_format_that_is_known() -> None:
    with pytest.raises(UsageError, match="has format 2, this version reads format 1"):
        Plan.from_json({**json.loads(TEXT), "format": 2})


def test_a_plan_reads_as_a_person_says_it() -> None:
    drop = Fault(Action.DROP, Victim.CLIENT, Coordinate(4, Phase.OBSERVED))
    assert str(replace(PLAN, faults=(*PLAN.faults, drop))) == (
        "kill server at batch 3, committed-unacknowledged, then drop client at batch 4, observed"
    )
    assert str(replace(PLAN, faults=())) == "no faults"


def test_fewer_faults_are_smaller_then_gentler_ones_then_earlier_ones() -> None:
    def plan(*faults: tuple[Action, Victim, int]) -> Plan:
        return Plan("s", "p", tuple(Fault(a, v, Coordinate(batch, Phase.OBSERVED)) for a, v, batch in faults))

    ordered = [
        plan(),
        plan((Action.INTERRUPT, Victim.CLIENT, 1)),
        plan((Action.TERMINATE, Victim.SERVER, 9)),
        plan((Action.DROP, Victim.CLIENT, 1)),
        plan((Action.KILL, Victim.SERVER, 1)),
        plan((Action.KILL, Victim.SERVER, 2)),
        plan((Action.KILL, Victim.BOTH, 1)),
        plan((Action.INTERRUPT, Victim.CLIENT, 1), (Action.INTERRUPT, Victim.CLIENT, 2)),
    ]
    sizes = [p.size for p in ordered]
    assert all(one < other for one, other in pairwise(sizes))


def test_a_batch_is_durable_from_its_commit_on() -> None:
    assert [phase for phase in Phase if not phase.durable] == [Phase.BEFORE_WRITE, Phase.WRITTEN_UNCOMMITTED]
