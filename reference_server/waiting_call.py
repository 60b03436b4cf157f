"""A call that waits for its task: it is told each state of it, and the task waits for the call before its next batch.

The latest state is what counts; a slow call misses some.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from reference_server.task import Task


class WaitingCall:
    """One request that waits for one task."""

    def __init__(self) -> None:
        self._latest: Task | None = None
        self._closed = False
        self._woken = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()

    def tell(self, task: Task) -> None:
        """There is a new state."""
        if not self._closed:
            self._latest = task
            self._idle.clear()
            self._woken.set()

    def close(self) -> None:
        """There will be no further state."""
        self._closed = True
        self._woken.set()
        if self._latest is None:
            self._idle.set()

    async def dealt_with(self) -> None:
        """Wait until the request has dealt with what it was told."""
        await self._idle.wait()

    async def updates(self) -> AsyncIterator[Task]:
        """The states, until there will be no further one."""
        try:
            while True:
                await self._woken.wait()
                self._woken.clear()
                if self._latest is not None:
                    latest, self._latest = self._latest, None
                    yield latest
                if self._latest is None:
                    self._idle.set()
                    if self._closed:
                        return
        finally:
            self._closed = True
            self._idle.set()
