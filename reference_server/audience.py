"""The audience of tasks: who is told of them, and for whom a task waits.

* A ``WaitingCall`` is a request that stays open until its task stops. The task waits for it, for a second at most:
  its next batch begins when the call has dealt with the one before.
* An ``Onlooker`` is told of the tasks that it has named. Nobody waits for it.

A task that nobody attends pays nothing for this. What another process executes is looked up in the store from time to
time. Everything here happens in the event loop, but for ``attends``.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Protocol

from reference_server.task import Task
from reference_server.waiting_call import WaitingCall

_DEALING_S = 1.0
_ELSEWHERE_S = 0.2


class Onlooker(Protocol):
    """Somebody who is told of tasks, and for whom nobody waits. May be told of one state twice."""

    def tell(self, task: Task) -> None:
        """The task has changed."""

    def close(self) -> None:
        """There will be no further change: the engine stops."""


class Audience:
    """All who are told of the tasks of one engine.

    ``is_here`` says whether this process executes a task; ``look`` finds tasks in the store.
    """

    def __init__(self, is_here: Callable[[str], bool], look: Callable[[list[str]], Awaitable[list[Task]]]) -> None:
        self._is_here = is_here
        self._look = look
        self._calls: dict[str, set[WaitingCall]] = {}
        self._present: set[Onlooker] = set()
        self._onlookers: dict[str, set[Onlooker]] = {}
        self._closed = False

    def close(self) -> None:
        """There will be no further change: calls are answered that the server stops."""
        self._closed = True
        for task_id in self._calls:
            self.release(task_id)
        for onlooker in tuple(self._present):
            onlooker.close()

    # --- who comes and goes

    @contextmanager
    def present(self, onlooker: Onlooker) -> Iterator[None]:
        """Have an onlooker told of the tasks that are given to ``watch``, and of the engine's stop."""
        self._present.add(onlooker)
        if self._closed:
            onlooker.close()
        try:
            yield
        finally:
            self._present.discard(onlooker)
            for task_id in [task_id for task_id, onlookers in self._onlookers.items() if onlooker in onlookers]:
                self.unwatch(task_id, onlooker)

    def watch(self, task_id: str, onlooker: Onlooker) -> None:
        """Tell of every change of a task."""
        self._onlookers.setdefault(task_id, set()).add(onlooker)

    def unwatch(self, task_id: str, onlooker: Onlooker) -> None:
        """Tell of it no longer."""
        onlookers = self._onlookers.get(task_id, set())
        onlookers.discard(onlooker)
        if not onlookers:
            self._onlookers.pop(task_id, None)

    @asynccontextmanager
    async def waiting(self, task_id: str, begin: Callable[[], None]) -> AsyncIterator[AsyncIterator[Task]]:
        """The states of a task for a call that waits for it; they end when the task stops.

        ``begin`` has the task executed: a call waits before, so that it misses nothing.
        """
        call = WaitingCall()
        self._calls.setdefault(task_id, set()).add(call)
        begin()
        if not self._is_here(task_id):
            call.close()
        elsewhere = asyncio.create_task(self._look_for(task_id, call))
        try:
            yield call.updates()
        finally:
            elsewhere.cancel()
            call.close()
            self._calls[task_id].discard(call)
            if not self._calls[task_id]:
                del self._calls[task_id]

    # --- what they are told

    def attends(self, task_id: str) -> bool:
        """Whether anybody is to be told of a task; may be asked in any thread."""
        return task_id in self._onlookers or task_id in self._calls

    async def tell_of_batch(self, task: Task) -> None:
        """Tell of a batch, and wait until all calls have dealt with it, for a second at most."""
        self.tell(task)
        calls = list(self._calls.get(task.task_id, ()))
        for call in calls:
            call.tell(task)
        if calls:
            await asyncio.wait([asyncio.create_task(call.dealt_with()) for call in calls], timeout=_DEALING_S)

    def tell(self, task: Task) -> None:
        """Tell the onlookers of a change."""
        for onlooker in tuple(self._onlookers.get(task.task_id, ())):
            onlooker.tell(task)

    def release(self, task_id: str) -> None:
        """The task has stopped: no call waits for it any longer."""
        for call in self._calls.get(task_id, ()):
            call.close()

    # --- tasks that another process executes

    async def look_elsewhere(self) -> None:
        """Tell the onlookers where their tasks stand that are executed elsewhere."""
        elsewhere = [task_id for task_id in self._onlookers if not self._is_here(task_id)]
        if elsewhere:
            for task in await self._look(elsewhere):
                self.tell(task)

    async def _look_for(self, task_id: str, call: WaitingCall) -> None:
        """Tell a call where its task stands, while it is executed elsewhere."""
        while True:
            if not self._is_here(task_id):
                found = await self._look([task_id])
                if not found or not found[0].runnable or self._closed:
                    call.close()
                    return
                call.tell(found[0])
            await asyncio.sleep(_ELSEWHERE_S)
