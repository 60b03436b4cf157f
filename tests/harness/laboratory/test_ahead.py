"""Playing ahead: what comes next is begun while the last runs of a scenario end, and each plan is played once."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import cast

import pytest

from mcp_crashtest.files.profiles import read_profile
from mcp_crashtest.laboratory.ahead import Ahead, UnderWay
from mcp_crashtest.laboratory.bench import Bench, Golden
from mcp_crashtest.laboratory.play import Outcome
from mcp_crashtest.model.plan import Plan, Size
from tests.lab import SMALL

BENCH = Bench(read_profile(SMALL), golden=Golden(None, 1.0))
PLANS = [Plan("next", protocol, ()) for protocol in "abc"]


@dataclass
class Played:
    """Runs that end when they are told to."""

    begun: list[int] = field(default_factory=list)
    ends: dict[int, asyncio.Event] = field(default_factory=dict)
    broken_off: list[int] = field(default_factory=list)

    async def __call__(self, _bench: Bench, _scenario: str, number: int, _plan: Plan) -> Outcome:
        self.begun.append(number)
        try:
            await self.ends.setdefault(number, asyncio.Event()).wait()
        except asyncio.CancelledError:
            self.broken_off.append(number)
            raise
        return cast(Outcome, number)

    async def end(self, number: int) -> None:
        self.ends.setdefault(number, asyncio.Event()).set()
        await turns()


async def turns() -> None:
    """Let whoever can do something do it."""
    for _ in range(20):
        await asyncio.sleep(0)


@pytest.fixture
def played() -> Played:
    return Played()


@pytest.mark.asyncio
async def test_while_a_run_is_under_way_what_comes_is_played_one_after_the_other(played: Played) -> None:
    ahead, under_way = Ahead(played), UnderWay()
    ahead.foresee(BENCH, "next", PLANS)
    with under_way:
        working = asyncio.create_task(ahead.work(under_way))
        await turns()
        assert played.begun == [1]
        await played.end(1)
        assert played.begun == [1, 2]
    await asyncio.wait_for(working, 5)
    assert played.begun == [1, 2]
    assert played.broken_off == []
    second = ahead.take(BENCH, "next", 2, PLANS[1])
    assert second
    await played.end(2)
    assert await second == cast(Outcome, 2)
    assert ahead.take(BENCH, "next", 2, PLANS[1]) is None
    assert ahead.take(BENCH, "next", 3, PLANS[2]) is None


@pytest.mark.asyncio
async def test_between_two_runs_nothing_more_is_begun(played: Played) -> None:
    ahead, under_way = Ahead(played), UnderWay()
    ahead.foresee(BENCH, "next", PLANS)
    under_way.__enter__()
    working = asyncio.create_task(ahead.work(under_way))
    await turns()
    under_way.__exit__()
    under_way.__enter__()
    await turns()
    assert played.begun == [1]
    assert not working.done()
    under_way.__exit__()
    await asyncio.wait_for(working, 5)


@pytest.mark.asyncio
async def test_what_was_not_begun_ahead_is_its_scenarios_own(played: Played) -> None:
    ahead, under_way = Ahead(played), UnderWay()
    ahead.foresee(BENCH, "next", PLANS)
    ahead.comes_to(BENCH, "another")
    with under_way:
        working = asyncio.create_task(ahead.work(under_way))
        await turns()
        assert played.begun == [1]
    await asyncio.wait_for(working, 5)
    ahead.comes_to(BENCH, "next")
    with under_way:
        await asyncio.wait_for(ahead.work(under_way), 5)
    assert played.begun == [1]


@pytest.mark.asyncio
async def test_another_plan_than_was_foreseen_is_not_taken(played: Played) -> None:
    ahead, under_way = Ahead(played), UnderWay()
    ahead.foresee(BENCH, "next", PLANS)
    with under_way:
        working = asyncio.create_task(ahead.work(under_way))
        await turns()
    await working
    assert ahead.take(BENCH, "next", 1, PLANS[2]) is None
    await turns()
    assert played.broken_off == [1]


@pytest.mark.asyncio
async def test_a_job_of_a_size_that_nobody_has_played_undisturbed_is_not_begun_ahead(played: Played) -> None:
    ahead, under_way = Ahead(played), UnderWay()
    ahead.foresee(BENCH, "next", [Plan("next", "a", (), workload=Size(1, 1)), PLANS[0]])
    with under_way:
        working = asyncio.create_task(ahead.work(under_way))
        await turns()
    await working
    assert played.begun == [2]


@pytest.mark.asyncio
async def test_what_nobody_asks_for_is_broken_off(played: Played) -> None:
    ahead, under_way = Ahead(played), UnderWay()
    ahead.foresee(BENCH, "next", PLANS)
    with under_way:
        working = asyncio.create_task(ahead.work(under_way))
        await turns()
    await working
    quiet = asyncio.create_task(ahead.quiet())
    await turns()
    assert not quiet.done()
    await ahead.close()
    await asyncio.wait_for(quiet, 5)
    assert played.broken_off == [1]
