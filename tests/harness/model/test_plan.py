"""Plans as data: their bytes, their name, their size."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given

from mcp_crashtest.model.coordinates import Batch, During, Moment, Phase, Since, Window, WindowName
from mcp_crashtest.model.errors import UsageError
from mcp_crashtest.model.faults import Fault, Right, Victim
from mcp_crashtest.model.plan import Plan
from tests.harness.model.strategies import documents, plans

P = Phase.COMMITTED_UNACKNOWLEDGED
AT = Batch(3, P)
PLAN = Plan("kill", "2026-07-28", (Fault("kill", Victim.SERVER, AT),))
TEXT = (
    '{"absence":"at-once","afterlife":false,"cold":false,"faults":[{"at":{"kind":"batch","number":3,'
    '"phase":"committed-unacknowledged","task":0},"kind":"kill","victim":"server"}],"format":2,"hash_seed":null,'
    '"protocol":"2026-07-28","scenario":"kill","workload":null}'
)
OLD: dict[str, Any] = {
    "faults": [{"action": "kill", "batch": 3, "phase": "committed-unacknowledged", "task": 0, "victim": "server"}],
    "format": 1,
    "protocol": "2026-07-28",
    "scenario": "kill",
}


def test_a_plan_has_these_bytes_and_this_name_for_ever() -> None:
    assert PLAN.to_text() == TEXT
    assert PLAN.digest == "21394b2b73c8"


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
    old = {"format": 1, "scenario": "s", "protocol": "p", "faults": document}
    for data in (document, old, {**json.loads(TEXT), "faults": document}, {**json.loads(TEXT), "workload": document}):
        with suppress(UsageError):
            Plan.from_json(data)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "value"),
    [("batch", float("inf")), ("batch", None), ("phase", "nowhere"), ("action", "bribe"), ("victim", "nobody")],
)
def test_a_fault_of_format_1_that_cannot_be_read_is_a_usage_error(name: str, value: object) -> None:
    data = {**OLD, "faults": [{**OLD["faults"][0], name: value}]}
    with pytest.raises(UsageError, match=r"this plan cannot be read|there is no fault 'bribe'"):
        Plan.from_json(data)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("kind", "bribe"),
        ("victim", "nobody"),
        ("at", None),
        ("at", {"kind": "somewhere"}),
        ("at", {"kind": "batch", "number": 3}),
        ("at", {"kind": "batch", "number": 0, "phase": "acknowledged"}),
        ("at", {"kind": "batch", "number": 3, "phase": "acknowledged", "thousandths": 5}),
        ("at", {"kind": "batch", "number": 3.5, "phase": "acknowledged"}),
        ("at", {"kind": "moment", "thousandths": -1, "since": "start"}),
        ("at", {"kind": "during", "fault": 1}),
        ("until", 3),
        ("settings", {"delay_ms": "long"}),
    ],
)
def test_a_fault_that_cannot_be_read_is_a_usage_error(name: str, value: object) -> None:
    data = json.loads(TEXT)
    data["faults"][0][name] = value
    with pytest.raises(UsageError):
        Plan.from_json(data)


def test_an_impossible_fault_is_refused_when_the_plan_is_made() -> None:
    with pytest.raises(UsageError, match="there is no fault 'bribe'; there are kill"):
        Fault("bribe", Victim.SERVER, AT)
    with pytest.raises(UsageError, match="terminate can hit the server, and is to hit client"):
        Fault("terminate", Victim.CLIENT, AT)


def test_a_fault_cannot_land_during_one_that_does_not_last_yet_or_not_any_more() -> None:
    dies = Fault("kill", Victim.CLIENT, During(1))
    with pytest.raises(UsageError, match="there is no fault 1 that lasts then"):
        Plan("s", "p", (*PLAN.faults, *PLAN.faults, dies))
    with pytest.raises(UsageError, match="there is no fault 1 that lasts then"):
        Plan("s", "p", (dies,))
    assert Plan("s", "p", (*PLAN.faults, dies)).faults[1] is dies


def test_a_plan_of_format_1_is_read_in_the_words_of_format_2() -> None:
    assert Plan.from_json(OLD) == PLAN
    assert Plan.from_json({**OLD, "faults": [*OLD["faults"], *WHILE_AWAY]}) == replace(
        PLAN,
        faults=(
            *PLAN.faults,
            Fault("kill", Victim.CLIENT, During(1)),
            Fault("kill", Victim.CLIENT, During(1)),
            Fault("kill", Victim.BOTH, Window(WindowName.ASKING, 2)),
            Fault("kill", Victim.CLIENT, Moment(120, Since.START)),
            Fault("kill", Victim.CLIENT, Moment(7, Since.FIRST_WORD)),
        ),
    )


WHILE_AWAY = [
    {"action": "kill", "batch": 1, "phase": "server-away", "task": 0, "victim": "client"},
    {"action": "kill", "batch": 1, "phase": "server-away", "task": 0, "victim": "client"},
    {"action": "kill", "batch": 2, "phase": "asking", "task": 0, "victim": "both"},
    {"action": "kill", "batch": 120, "phase": "moment", "task": 0, "victim": "client"},
    {"action": "kill", "batch": 7, "phase": "speaking", "task": 0, "victim": "client"},
]


def test_a_fault_is_healed_before_the_next_one_unless_that_lands_during_it() -> None:
    away, dies, later = PLAN.faults[0], Fault("kill", Victim.CLIENT, During(1)), replace(PLAN.faults[0], at=Batch(5, P))
    steps = [(step.number, step.heals) for step in Plan("s", "p", (away, dies, dies, later)).steps()]
    land, heal = False, True
    assert steps == [(1, land), (2, land), (2, heal), (3, land), (3, heal), (1, heal), (4, land), (4, heal)]


def test_a_fault_within_a_fault_within_a_fault_keeps_all_of_them_open() -> None:
    inner = (Fault("kill", Victim.CLIENT, During(1)), Fault("kill", Victim.CLIENT, During(2)))
    steps = [(step.number, step.heals) for step in Plan("s", "p", (*PLAN.faults, *inner)).steps()]
    assert steps == [(1, False), (2, False), (3, False), (3, True), (2, True), (1, True)]


@given(plans)
def test_every_fault_lands_once_in_its_order_and_is_healed_once_after_it(plan: Plan) -> None:
    steps = list(plan.steps())
    landings = [step.number for step in steps if not step.heals]
    healings = [step.number for step in steps if step.heals]
    assert landings == list(range(1, len(plan.faults) + 1))
    assert sorted(healings) == landings
    where = {(step.number, step.heals): place for place, step in enumerate(steps)}
    for number, fault in enumerate(plan.faults, start=1):
        assert where[number, False] < where[number, True]
        if isinstance(fault.at, During):
            assert where[fault.at.fault, False] < where[number, False] < where[number, True]
            assert where[number, True] < where[fault.at.fault, True]


def test_who_touches_the_server_needs_the_right_to() -> None:
    assert PLAN.needs == {Right.SERVER}
    assert Plan("s", "p", (Fault("drop", Victim.CLIENT, AT),)).needs == frozenset()


def test_a_plan_of_an_unknown_format_is_refused_with_the_format_that_is_known() -> None:
    with pytest.raises(UsageError, match="has format 3, this version reads formats 1 and 2"):
        Plan.from_json({**json.loads(TEXT), "format": 3})


def test_a_plan_reads_as_a_person_says_it() -> None:
    drop = Fault("drop", Victim.CLIENT, Batch(4, Phase.OBSERVED))
    assert str(replace(PLAN, faults=(*PLAN.faults, drop))) == (
        "kill server at batch 3, committed-unacknowledged, then drop client at batch 4, observed"
    )
    assert str(replace(PLAN, faults=())) == "no faults"


def test_fewer_faults_are_smaller_then_gentler_ones_then_earlier_ones() -> None:
    def plan(*faults: tuple[str, Victim, int]) -> Plan:
        return Plan("s", "p", tuple(Fault(a, v, Batch(batch, Phase.OBSERVED)) for a, v, batch in faults))

    ordered = [
        plan(),
        plan(("interrupt", Victim.CLIENT, 1)),
        plan(("terminate", Victim.SERVER, 9)),
        plan(("drop", Victim.CLIENT, 1)),
        plan(("kill", Victim.SERVER, 1)),
        plan(("kill", Victim.SERVER, 2)),
        plan(("kill", Victim.BOTH, 1)),
        plan(("interrupt", Victim.CLIENT, 1), ("interrupt", Victim.CLIENT, 2)),
    ]
    sizes = [p.size for p in ordered]
    assert all(one < other for one, other in pairwise(sizes))


def test_a_batch_is_durable_from_its_commit_on() -> None:
    assert [phase for phase in Phase if not phase.durable] == [Phase.BEFORE_WRITE, Phase.WRITTEN_UNCOMMITTED]
