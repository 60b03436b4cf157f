"""What other processes have done to tasks, as the database tells it: at once, and not at the next look.

Nothing depends on it: what is not heard, while there is no session to hear it, is seen when it is looked for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from reference_server.audience import Audience
from reference_server.errors import Refusal
from reference_server.task import Task


class News:
    """What has moved elsewhere, and has not been looked at. For one event loop.

    ``look`` finds tasks in the store; ``halt`` has this process let go of a task, and says whether it had it.
    """

    def __init__(
        self, audience: Audience, look: Callable[[list[str]], Awaitable[list[Task]]], halt: Callable[[str], bool]
    ) -> None:
        self._audience = audience
        self._look = look
        self._halt = halt
        self._loop = asyncio.get_running_loop()
        self._new: dict[str, None] = {}
        self._looking: asyncio.Task[None] | None = None

    def hear(self, task_id: str) -> None:
        """In some thread: another process has moved this task."""
        with suppress(RuntimeError):  # the event loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(self._heard, task_id)

    def close(self) -> None:
        """Nothing is new any more."""
        if self._looking:
            self._looking.cancel()

    def _heard(self, task_id: str) -> None:
        self._new[task_id] = None
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look_at_all())

    async def _look_at_all(self) -> None:
        """What comes meanwhile is looked at together."""
        while self._new:
            new, self._new = self._new, {}
            with suppress(Refusal):
                for task in await self._look(list(new)):
                    self._deal_with(task)

    def _deal_with(self, task: Task) -> None:
        """Let go of what was cancelled or paused; tell of what is executed elsewhere."""
        if task.runnable or not self._halt(task.task_id):
            self._audience.tell(task)
            if not task.runnable:
                self._audience.release(task.task_id)
