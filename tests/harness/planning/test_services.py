"""Plans in which services die."""

from __future__ import annotations

import pytest

from mcp_crashtest.model.coordinates import Batch
from mcp_crashtest.model.errors import UsageError
from mcp_crashtest.model.faults import Fault, Right, Victim
from mcp_crashtest.model.plan import Plan
from mcp_crashtest.model.profile import Workload
from mcp_crashtest.planning import services

JOB = Workload(103, 10)


def test_each_service_dies_alone_with_its_server_and_while_that_recovers() -> None:
    plans = services.die("s", ["a", "b"], JOB, 2, seed=0, count=12)
    for number in (1, 2):
        mine = [p for p in plans if p.faults[-1].service == number]
        victims = [tuple(fault.victim for fault in plan.faults) for plan in mine]
        assert set(victims) == {(Victim.SERVICE,), (Victim.SERVER_AND_SERVICE,), (Victim.SERVER, Victim.SERVICE)}
        assert {plan.faults[-1].until is None for plan in mine} == {True, False}
    assert {plan.protocol for plan in plans} == {"a", "b"}
    assert [p.to_text() for p in plans] == [
        p.to_text() for p in services.die("s", ["a", "b"], JOB, 2, seed=0, count=12)
    ]


def test_a_plan_with_a_service_is_read_again_and_says_which() -> None:
    fault = Fault("kill", Victim.SERVER_AND_SERVICE, Batch(3, thousandths=500), None, {"service": 2.0})
    plan = Plan("s", "a", (fault,))
    assert Plan.from_json(plan.to_json()) == plan
    assert str(fault) == "kill server and service 2 at batch 3, 500/1000 of it"
    assert fault.service == 2
    assert fault.needs == frozenset({Right.SERVER})
    assert fault.undoes
    assert fault.victim.hits_server
    assert not fault.victim.hits_client
    assert Fault("kill", Victim.BOTH, Batch(3, thousandths=500)).service is None


def test_a_service_cannot_be_frozen() -> None:
    with pytest.raises(UsageError, match="freeze can hit the server"):
        Fault("freeze", Victim.SERVICE, Batch(3, thousandths=500))
