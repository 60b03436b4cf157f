"""Playing ahead: while the last runs of a scenario are under way, whoever has nothing to do begins the next one's.

A run that was begun so is any other run; its scenario takes its outcome when it comes to that plan. It goes on while
one scenario is summed up and the next one begins.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Iterator
from typing import Any

from mcp_crashtest.laboratory.bench import Bench
from mcp_crashtest.laboratory.play import Outcome
from mcp_crashtest.model.plan import Plan

Playing = Callable[[Bench, str, int, Plan], Coroutine[Any, Any, Outcome]]
_Key = tuple[str, str, int]


class UnderWay:
    """Counts the runs of a scenario that are under way."""

    def __init__(self) -> None:
        self._runs = 0
        self._ended = asyncio.Event()

    def __enter__(self) -> None:
        self._runs += 1
        self._ended.clear()

    def __exit__(self, *_: object) -> None:
        self._runs -= 1
        if self._runs == 0:
            self._ended.set()

    def __bool__(self) -> bool:
        return self._runs > 0

    async def or_done(self, task: asyncio.Task[Outcome]) -> None:
        """Wait until there is none, if only for a moment, or until this one is done."""
        ended = asyncio.create_task(self._ended.wait())
        await asyncio.wait({task, ended}, return_when=asyncio.FIRST_COMPLETED)
        ended.cancel()


class Ahead:
    """What comes next, and what of it was begun."""

    def __init__(self, play: Playing) -> None:
        self._play = play
        self._coming: Iterator[tuple[Bench, str, int, Plan]] = iter(())
        self._next: tuple[str, str] | None = None
        self._begun: dict[_Key, tuple[Plan, asyncio.Task[Outcome]]] = {}

    def foresee(self, bench: Bench, scenario: str, plans: Iterable[Plan]) -> None:
        """These are the plans of the scenario after the one that is being played."""
        self._next = (bench.profile.digest, scenario)
        known = ((number, plan) for number, plan in enumerate(plans, start=1) if bench.is_known(plan))
        self._coming = ((bench, scenario, number, plan) for number, plan in known)

    def comes_to(self, bench: Bench, scenario: str) -> None:
        """This scenario is played now: what of it was not begun ahead is its own to begin."""
        if self._next == (bench.profile.digest, scenario):
            self._coming = iter(())

    async def work(self, under_way: UnderWay) -> None:
        """Play one run after the other, as long as runs of the present scenario are under way; the last one goes on."""
        while under_way and (following := next(self._coming, None)):
            bench, scenario, number, plan = following
            task = asyncio.create_task(self._play(*following))
            self._begun[bench.profile.digest, scenario, number] = (plan, task)
            while under_way and not task.done():
                await under_way.or_done(task)

    def take(self, bench: Bench, scenario: str, number: int, plan: Plan) -> asyncio.Task[Outcome] | None:
        """The run of this plan, where it was begun."""
        begun, task = self._begun.pop((bench.profile.digest, scenario, number), (None, None))
        if task is not None and begun != plan:
            task.cancel()
            return None
        return task

    async def quiet(self) -> None:
        """Wait until no run is under way that was begun ahead."""
        if self._begun:
            await asyncio.wait([task for _, task in self._begun.values()])

    async def close(self) -> None:
        """Break off what nobody has asked for."""
        self._coming = iter(())
        begun, self._begun = self._begun, {}
        for _, task in begun.values():
            task.cancel()
        await asyncio.gather(*(task for _, task in begun.values()), return_exceptions=True)
