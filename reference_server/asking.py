"""Asking the store from the event loop, which must not wait for a disk or a network: others wait for it.

One thread reads, and the writer's own writes what requests have written. What they cannot do is said as a refusal.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TypeVar

from reference_server.database import Place
from reference_server.errors import Away, Refusal, Unknown
from reference_server.store import Store
from reference_server.writer import Writer

T = TypeVar("T")
log = logging.getLogger("reference_server")


class Asking:
    """One reader and one writer of a store. Open it where it may fail, ``begin`` in the event loop."""

    def __init__(self, place: Place) -> None:
        self._reader = Store(place)
        self.writer = Writer(place)

    def begin(self) -> None:
        """From now on it is asked."""
        self._loop = asyncio.get_running_loop()
        self._reading = ThreadPoolExecutor(1, "store-reader")

    async def close(self, deadline_s: float) -> None:
        """Write what waits, and close both; gives up after the deadline, and leaves the rest unwritten."""
        await asyncio.to_thread(self.writer.close, deadline_s)
        await self._loop.run_in_executor(self._reading, self._reader.close)
        self._reading.shutdown(wait=False)

    async def read(self, ask: Callable[[Store], T]) -> T:
        """Have something read; raises Refusal where it cannot be read."""
        try:
            return await self._loop.run_in_executor(self._reading, ask, self._reader)
        except Away as error:
            log.error("the store is away: %s", error)
            raise Refusal(f"the store cannot be read now ({error.strerror}): try again later") from None
        except sqlite3.DatabaseError as error:
            log.error("the store cannot be read: %s", error)
            raise Refusal(f"the store cannot be read ({error}): take it from a backup, or try again later") from None

    async def write(
        self, ask: Callable[[Store], T], again: Callable[[Store], T] | None = None, *, alone: bool = False
    ) -> T:
        """Have something written; returns when it is on the disk. Raises Refusal where that cannot be.

        Where the answer to its commit was lost, ``again`` does it if it was not done, and says what came of it; without
        one it is ``ask`` itself that may be asked twice. ``alone``: in a transaction of its own.
        """
        lost: Unknown | None = None
        try:
            try:
                return await self._written(ask, alone)
            except Unknown as error:
                lost = error
                return await self._written(again or ask, alone)
        except (sqlite3.Error, OSError) as error:
            log.error("storage fails: %s", error)
            if lost:
                what = f"{lost.strerror}: whether it was done is not known, look how the task stands"
                raise Refusal(what) from None
            said = error.strerror if isinstance(error, Away) else error
            raise Refusal(f"the store cannot be written now ({said}): nothing was changed, try again later") from None

    async def _written(self, ask: Callable[[Store], T], alone: bool) -> T:
        written: asyncio.Future[T] = self._loop.create_future()

        def settle(value: T, error: BaseException | None) -> None:
            if written.done():
                return
            if error is None:
                written.set_result(value)
            else:
                written.set_exception(error)

        def done(value: T, error: BaseException | None) -> None:
            with suppress(RuntimeError):  # the event loop is closed: nobody waits any more
                self._loop.call_soon_threadsafe(settle, value, error)

        self.writer.submit(ask, done, alone=alone)
        return await written
