"""The link to a server that comes and goes: one connection at a time, opened again as often as patience allows.

Every question goes through ``ask``. A question that may be repeated is asked again after an interruption; one that may
not is only asked again when it certainly was not received. The deadline ends them all, whatever the server does: one
that greets us for ever, one that answers somebody else, and one whose stream has no end.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TypeVar

from reference_client.backoff import Patience
from reference_client.connection import Connection, Dialing
from reference_client.errors import GivenUp, Interrupted, Unfinished

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Bounds:
    """``patience_s``: how long the server may be away at a stretch. ``deadline_s``: of the whole undertaking."""

    patience_s: float
    deadline_s: float


@dataclass(slots=True)
class Link:
    """``on_open`` hears of each new connection, ``on_away`` of each failed attempt."""

    dialing: Dialing
    bounds: Bounds
    on_open: Callable[[Connection], object]
    on_away: Callable[[Interrupted], object]
    _connection: Connection | None = None
    _opening: asyncio.Lock = field(default_factory=asyncio.Lock)
    _end_s: float = 0.0

    def __post_init__(self) -> None:
        self._end_s = time.monotonic() + self.bounds.deadline_s

    def patience(self) -> Patience:
        """Patience for a new undertaking; the deadline is that of the link."""
        return Patience(time.monotonic, random.random, self.bounds.patience_s, self._end_s)

    async def ask(
        self,
        question: Callable[[Connection], Awaitable[T]],
        *,
        repeatable: bool = True,
        patience: Patience | None = None,
    ) -> T:
        """Ask, and ask again while the server is away.

        Raises GivenUp, Unfinished, Interrupted (only if not ``repeatable``: it may have taken effect), or what the
        server says.
        """
        patience = patience or self.patience()
        deadline = asyncio.timeout(self._end_s - time.monotonic())
        asked = False
        away: Interrupted | None = None
        try:
            async with deadline:
                while True:
                    asked = False
                    try:
                        async with self._using() as connection:
                            asked = True
                            return await question(connection)
                    except Interrupted as error:
                        if asked and error.may_have_happened and not repeatable:
                            raise
                        asked, away = False, error
                        await self._wait(error, patience)
        except TimeoutError:
            if not deadline.expired():
                raise
            why = f", and the server is away: {away}" if away and not asked else ""
            raise Unfinished(f"the deadline is over{why}", may_have_happened=asked) from away

    async def _wait(self, error: Interrupted, patience: Patience) -> None:
        wait_s = patience.next_delay_s()
        if wait_s is None:
            if patience.overdue:
                raise Unfinished(f"the deadline is over, and the server is away: {error}") from error
            raise GivenUp(f"the server was away for {patience.patience_s:g} s: {error}") from error
        self.on_away(error)
        await asyncio.sleep(wait_s)

    @asynccontextmanager
    async def _using(self) -> AsyncIterator[Connection]:
        """The connection, for one question. Once interrupted it is used for nothing new; the last user closes it."""
        async with self._opening:
            if self._connection is None or not self._connection.alive:
                await self._retire(self._connection)
                self._connection = await Connection.open(self.dialing)
                self.on_open(self._connection)
            connection = self._connection
            connection.users += 1
        try:
            yield connection
        except Interrupted:
            if self._connection is connection:
                self._connection = None
            raise
        finally:
            connection.users -= 1
            if connection is not self._connection:
                await self._retire(connection)

    async def _retire(self, connection: Connection | None) -> None:
        if connection and connection.users == 0:
            await connection.close()

    async def close(self) -> None:
        """Leave."""
        connection, self._connection = self._connection, None
        if connection:
            await connection.close()
