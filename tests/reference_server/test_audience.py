"""The audience of tasks: a task waits for its calls and for no onlooker, and nobody is left waiting."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from reference_server import audience
from reference_server.audience import Audience
from reference_server.lifecycle import Status
from reference_server.task import Task

DEADLINE_S = 10.0

pytestmark = pytest.mark.asyncio


def task(progress: int, status: Status = Status.RUNNING, task_id: str = "t") -> Task:
    return Task(
        *(task_id, "none", "", None, {}, status, 1, progress, 0, "", progress, 9, 1, "", None, None, {}, {}),
        *("2026-01-01", f"2026-01-{progress:02}", None),
    )


@dataclass(eq=False)
class Noting:
    """An onlooker who keeps what it was told."""

    told: list[tuple[str, int]] = field(default_factory=list)
    closed: bool = False

    def tell(self, task: Task) -> None:
        self.told.append((task.task_id, task.progress))

    def close(self) -> None:
        self.closed = True


@dataclass
class House:
    """What an engine answers: which tasks are executed here, and where others stand, look for look."""

    here: set[str] = field(default_factory=lambda: {"t"})
    elsewhere: Iterator[Task] = field(default_factory=lambda: iter(()))
    looks: list[list[str]] = field(default_factory=list)

    def audience(self) -> Audience:
        return Audience(lambda task_id: task_id in self.here, self.look)

    async def look(self, task_ids: list[str]) -> list[Task]:
        self.looks.append(task_ids)
        return [found for found in [next(self.elsewhere, None)] if found]


def nothing() -> None:
    """The task is executed already."""


async def test_the_next_batch_waits_until_each_call_has_dealt_with_the_last() -> None:
    there = House().audience()
    async with there.waiting("t", nothing) as states:
        telling = asyncio.create_task(there.tell_of_batch(task(1)))
        assert (await anext(states)).progress == 1
        await asyncio.sleep(0)
        assert not telling.done(), "the call has its state, and has not asked for the next one"
        asking = asyncio.ensure_future(anext(states))
        await asyncio.wait_for(telling, DEADLINE_S)
        there.release("t")
        with pytest.raises(StopAsyncIteration):
            await asking


async def test_a_call_that_deals_with_nothing_delays_a_task_for_a_while_and_no_longer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(audience, "_DEALING_S", 0.01)
    there = House().audience()
    async with there.waiting("t", nothing) as states:
        for progress in (1, 2):
            await asyncio.wait_for(there.tell_of_batch(task(progress)), DEADLINE_S)
        assert (await anext(states)).progress == 2, "the latest state is what counts"


async def test_a_call_waits_before_its_task_is_begun_and_leaves_nothing_behind() -> None:
    house = House(here=set())
    there = house.audience()

    def begin() -> None:
        assert there.attends("t")
        house.here.add("t")

    async with there.waiting("t", begin):
        assert not there.attends("another")
    assert not there.attends("t")


async def test_a_call_whose_task_another_process_takes_is_told_what_the_store_has(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(audience, "_ELSEWHERE_S", 0.0)
    house = House(elsewhere=iter([task(1), task(2), task(3, Status.COMPLETED)]))
    async with house.audience().waiting("t", nothing) as states:
        house.here.clear()
        async with asyncio.timeout(DEADLINE_S):
            seen = [state.progress async for state in states]
    assert seen == sorted(set(seen))
    assert seen[-1] == 2, "the end is no further state: the call reads what has come of it"


async def test_a_call_whose_task_cannot_begin_is_not_left_waiting() -> None:
    async with House(here=set()).audience().waiting("t", nothing) as states:
        assert [state async for state in states] == []


async def test_an_onlooker_is_told_of_what_it_watches_for_as_long_as_it_does() -> None:
    there, onlooker = House().audience(), Noting()
    with there.present(onlooker):
        there.watch("t", onlooker)
        there.watch("u", onlooker)
        assert there.attends("t")
        await there.tell_of_batch(task(1))
        there.tell(task(1, task_id="not watched"))
        there.unwatch("t", onlooker)
        there.tell(task(2))
        there.tell(task(3, task_id="u"))
    assert onlooker.told == [("t", 1), ("u", 3)]
    assert not there.attends("u"), "who has left watches nothing"


async def test_onlookers_of_tasks_elsewhere_are_told_in_one_look() -> None:
    house = House(here={"t"}, elsewhere=iter([task(4, task_id="u")]))
    there, onlooker = house.audience(), Noting()
    await there.look_elsewhere()
    with there.present(onlooker):
        for task_id in "tuv":
            there.watch(task_id, onlooker)
        await there.look_elsewhere()
    assert house.looks == [["u", "v"]]
    assert onlooker.told == [("u", 4)]


async def test_when_the_engine_stops_nobody_is_left_waiting() -> None:
    there, early, late = House().audience(), Noting(), Noting()
    async with there.waiting("t", nothing) as states:
        with there.present(early):
            there.close()
            assert early.closed
        assert [state async for state in states] == []
    with there.present(late):
        assert late.closed
