"""Plans in which the links to services fail."""

from __future__ import annotations

import math

import pytest

from mcp_crashtest.model.coordinates import Batch, Moment, Since
from mcp_crashtest.model.errors import UsageError
from mcp_crashtest.model.faults import BEGINS, LINKS, SLOW, Fault, Victim
from mcp_crashtest.model.plan import Plan
from mcp_crashtest.model.profile import Workload
from mcp_crashtest.planning import links

JOB = Workload(103, 10)
CORE = 12


def unreachable(*linked: int, count: int, job: Workload = JOB) -> list[Plan]:
    return links.unreachable("s", ["a", "b"], job, linked, seed=0, count=count)


def links_of(plans: list[Plan]) -> list[Fault]:
    return [fault for plan in plans for fault in plan.faults if fault.kind in LINKS]


def test_each_link_fails_in_each_way_for_a_while_and_with_its_server_killed_meanwhile() -> None:
    plans = unreachable(1, 3, count=40)
    for number in (1, 3):
        mine = [p for p in plans if p.faults[0].service == number]
        killed = [p for p in mine if p.faults[-1].kind == "kill"]
        alone = [p for p in mine if p not in killed]
        ways = {(kind, False) for kind in LINKS} | {(kind, True) for kind in BEGINS}
        for some in (killed, alone):
            assert {(p.faults[0].kind, p.faults[0].message is not None) for p in some} == ways
        lasting = {fault.until for fault in links_of(alone)}
        assert len(lasting) == 2
        assert None not in lasting
        assert {fault.until for fault in links_of(killed)} == {None}
        assert {len(p.faults) for p in killed} == {2}
        for plan in killed:
            assert [(s.number, s.heals) for s in plan.steps()] == [(1, False), (2, False), (2, True), (1, True)]
            assert plan.faults[1].victim is Victim.SERVER
    assert all(Plan.from_json(plan.to_json()) == plan for plan in plans)
    assert [p.to_text() for p in plans] == [p.to_text() for p in unreachable(1, 3, count=40)]


@pytest.mark.parametrize("messages", range(1, 9))
def test_the_first_plans_hit_every_message_of_a_batch_the_last_one_too(messages: int) -> None:
    alone = [p for p in unreachable(1, count=CORE) if p.faults[-1].kind in LINKS]
    shares = [fault.message for fault in links_of(alone) if fault.message is not None]
    assert {math.ceil(share * messages / 1000) for share in shares} == set(range(1, messages + 1))


@pytest.mark.parametrize("job", [JOB, Workload(50, 5), Workload(4, 2), Workload(1, 1)])
def test_messages_in_a_row_are_in_places_of_their_own_where_the_job_has_room(job: Workload) -> None:
    for plan in unreachable(1, count=60, job=job):
        places = [fault.at for fault in plan.faults if fault.kind in LINKS]
        where = [(at.number, at.thousandths or 0) for at in places if isinstance(at, Batch)]
        assert len(where) == len(places)
        assert where == sorted(where)
        assert where[-1][0] <= job.batches
        if len(where) > 1:
            assert len(set(where)) == len(where)
            assert where[-1][0] <= max(job.batches - 4, 1)


def test_a_link_that_fails_behind_a_message_says_so_and_is_read_again() -> None:
    at, until = Batch(3, thousandths=500), Moment(181, Since.FAULT)
    fault = Fault("link-silent", Victim.SERVICE, at, until, {"service": 1.0, "message": 750.0})
    assert str(fault) == (
        "link-silent service 1 at batch 3, 500/1000 of it, behind 750/1000 of a batch's messages from there on, "
        "until 181/1000 of the undisturbed time after it"
    )
    assert Fault.from_json(fault.to_json()) == fault
    assert fault.message == 750
    assert Fault("link-silent", Victim.SERVICE, at, until, {"service": 1.0}).message is None


@pytest.mark.parametrize("share", [0.0, -1.0, 1001.0, 0.5, 500.5, math.nan, math.inf])
def test_a_share_of_a_batch_s_messages_that_there_is_not_is_refused(share: float) -> None:
    with pytest.raises(UsageError, match="thousandths into a batch's messages"):
        Fault("link-cut", Victim.SERVICE, Batch(1, thousandths=0), settings={"message": share})


@pytest.mark.parametrize(
    ("kind", "victim"), [(SLOW, Victim.SERVICE), ("kill", Victim.SERVICE), ("kill", Victim.SERVER)]
)
def test_what_does_not_begin_with_a_message_is_refused_with_one(kind: str, victim: Victim) -> None:
    with pytest.raises(UsageError, match="link-cut or link-silent begin"):
        Fault(kind, victim, Batch(1, thousandths=0), settings={"message": 500.0})
