"""The watch: it shows that this process goes on, and has it execute what no other process executes.

A store may have ten thousand unfinished tasks when a server starts. To look for them all, and to claim as many as have
a place, takes the interpreter from those that could go on: so the oldest few begin at once, and the others are looked
for when a batch of those is on the disk, or after a pulse in which none was.
"""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from reference_server import upkeep
from reference_server.database import Workers
from reference_server.execution import Executor
from reference_server.workers import PULSE_S

if TYPE_CHECKING:
    from reference_server.engine import Engine

_FIRST = 4  # tasks that begin at once
_IN_ONE_GO = 256  # tasks that are entered before requests come in between

log = logging.getLogger("reference_server")


class Watch:
    """The watch of an engine over its store. For one event loop."""

    def __init__(self, engine: Engine, workers: Workers, executor: Executor) -> None:
        self._engine = engine
        self._workers = workers
        self._executor = executor
        self._loop = asyncio.get_running_loop()
        self._gone_on = asyncio.Event()

    async def begin(self) -> None:
        """Let the oldest unfinished tasks go on; the others follow."""
        await self._enter(_FIRST)
        self._running = asyncio.create_task(self._run())

    def close(self) -> None:
        """It is over."""
        self._running.cancel()

    def committed(self) -> None:
        """In some thread: a batch is on the disk."""
        if not self._gone_on.is_set():
            self._loop.call_soon_threadsafe(self._gone_on.set)

    async def _run(self) -> None:
        """Beat, take over, and see to the store's upkeep, for as long as this process works."""
        with suppress(TimeoutError):
            async with asyncio.timeout(PULSE_S if self._engine.active() else 0):
                await self._gone_on.wait()
        kept_up_at = -upkeep.EVERY_S
        while True:
            try:
                self._workers.beat()
                await self._take_over()
                await self._engine.audience.look_elsewhere()
                if time.monotonic() - kept_up_at > upkeep.EVERY_S:
                    kept_up_at = time.monotonic()
                    await upkeep.keep_up(self._engine)
            except Exception:
                log.exception("the watch over the store failed; it goes on")
            await asyncio.sleep(PULSE_S)

    async def _take_over(self) -> None:
        """Execute what no other process executes, and let go of what another has cancelled or paused.

        A task that this process has had before and that another process has let go on is among the former.
        """
        resting = [execution for execution in self._executor.resting() if execution.task]
        ours = await self._enter()
        for execution in resting:
            if execution.task_id not in ours:
                self._executor.halt(execution)

    async def _enter(self, most: int | None = None) -> set[str]:
        """Have the oldest, or all, of the tasks executed that no other process executes; which they are."""
        others = await self._engine.work(self._workers.others)
        ours = await self._engine.read(lambda store: store.claimable(others, most))
        for number, (task_id, owner) in enumerate(ours, 1):
            if not self._engine.executes(task_id):
                self._engine.ensure_running(task_id, owner)
            if number % _IN_ONE_GO == 0:
                await asyncio.sleep(0)
        return {task_id for task_id, _ in ours}
