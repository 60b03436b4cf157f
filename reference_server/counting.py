"""Counting what there is before a task begins: piece by piece, in a lane of its own, and fair between owners.

A piece is a read of a source, bounded in records and in bytes, so that a file of any size takes the memory of one
piece; between two pieces it is another owner's turn. A request that is given up counts no further.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from reference_server import limits
from reference_server.errors import Refusal
from reference_server.rota import Rota, counted
from reference_server.sources import Source

_PIECE_RECORDS = 1000
T = TypeVar("T")


class Counting:
    """The lane: one piece at a time, of one owner after the other. For one event loop."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, "counting")
        self._rota: Rota[asyncio.Future[None]] = Rota()
        self._asking: Counter[str] = Counter()
        self._taken = False

    async def count(self, owner: str, source: Source, most: int) -> tuple[int, str]:
        """How many records a source has, counting no further than ``most``, and its fingerprint; raises Refusal."""
        if owner and self._asking[owner] >= limits.COUNTED_AT_ONCE:
            raise Refusal(
                f"{self._asking[owner]} of your requests are waiting until their records are counted: try again later"
            )
        with counted(self._asking, owner):
            fingerprint = await self.turn(owner, source.fingerprint)
            cursor = found = 0
            while found < most:
                records, cursor = await self.turn(owner, piece, source, cursor, most - found)
                if not records:
                    break
                found += records
            return found, fingerprint

    def close(self) -> None:
        """Count nothing more."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def turn(self, owner: str, ask: Callable[..., T], *arguments: Any) -> T:
        """Do a piece of work when it is this owner's turn."""
        loop = asyncio.get_running_loop()
        if self._taken:
            mine: asyncio.Future[None] = loop.create_future()
            self._rota.put(owner, mine)
            try:
                await mine
            except asyncio.CancelledError:
                if mine.done() and not mine.cancelled():
                    self._pass_on()
                raise
        self._taken = True
        try:
            return await loop.run_in_executor(self._thread, ask, *arguments)
        finally:
            self._pass_on()

    def _pass_on(self) -> None:
        """The lane is the next one's, who still waits."""
        while True:
            try:
                following = self._rota.take()
            except IndexError:
                self._taken = False
                return
            if not following.done():
                following.set_result(None)
                return


def piece(source: Source, cursor: int, most: int) -> tuple[int, int]:
    """How many records the next piece has, of at most so many, and the cursor behind it."""
    records, cursor = source.read(cursor, min(most, _PIECE_RECORDS))
    return len(records), cursor
