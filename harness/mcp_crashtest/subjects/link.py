"""The link between a subject and one of its services: a port of the lab's, at which everything is passed on.

A link can be cut, slow or silent, as a network is between two machines. Who is connected when it is cut is reset, and
so is who comes while it lasts. A silent one is half open: connections stay and are made, what the subject says reaches
the service, and no answer comes back; whoever was connected is reset when that ends. So nobody knows what became of a
COMMIT that was sent. The lab itself, and other services, reach the service directly: one server of several can be cut
off alone.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from mcp_crashtest.model.errors import HarnessError
from mcp_crashtest.subjects.round_robin import end_all, reset_on_close
from mcp_crashtest.subjects.sockets import LOOPBACK, find_free_port

_CHUNK_BYTES = 1 << 16


@dataclass(slots=True, eq=False)
class Link:
    """Listens on ``port`` of loopback, and passes on to ``service_port``, both ways."""

    service_port: int
    port: int = field(default_factory=find_free_port)
    _door: asyncio.Server | None = None
    _answers: asyncio.Event = field(default_factory=asyncio.Event)
    _is_cut: bool = False
    _delay_s: float = 0.0
    _held: set[asyncio.Task[None]] = field(default_factory=set)

    async def open(self) -> None:
        """Begin to pass on; raises HarnessError where the port is not to be had."""
        self._answers.set()
        try:
            self._door = await asyncio.start_server(self._accept, LOOPBACK, self.port, limit=_CHUNK_BYTES)
        except OSError as error:
            raise HarnessError(f"the lab cannot listen on {LOOPBACK}:{self.port}: {error}") from error

    @property
    def connections(self) -> int:
        """How many there are."""
        return len(self._held)

    @asynccontextmanager
    async def cut(self) -> AsyncIterator[int]:
        """Reset all connections, and everybody who comes, until it is healed; how many were connected."""
        self._is_cut = True
        try:
            yield await self._reset_all()
        finally:
            self._is_cut = False

    @asynccontextmanager
    async def slow(self, delay_s: float) -> AsyncIterator[int]:
        """Whatever is said comes so much later; how many were connected."""
        self._delay_s = delay_s
        try:
            yield self.connections
        finally:
            self._delay_s = 0.0

    @asynccontextmanager
    async def silent(self) -> AsyncIterator[int]:
        """Answers do not come through, and nobody is told; how many were connected. All are reset at the end."""
        self._answers.clear()
        try:
            yield self.connections
        finally:
            await self._reset_all()
            self._answers.set()

    async def close(self) -> None:
        """End all of it."""
        if self._door:
            self._door.close()
        await self._reset_all()

    async def _reset_all(self) -> int:
        held = list(self._held)
        await end_all(held)
        return len(held)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._held.add(task)
        ends = [writer]
        try:
            if not self._is_cut:
                there, back = await asyncio.open_connection(LOOPBACK, self.service_port, limit=_CHUNK_BYTES)
                ends.append(back)
                await self._hold(self._pass_on(reader, back), self._pass_on(there, writer, self._answers))
                for end in (writer, back):  # both have ended by themselves: what was said last still arrives
                    end.close()
                ends.clear()
        except (OSError, asyncio.CancelledError):
            pass  # a broken connection says it to both sides; this task is nobody's but ours
        finally:
            self._held.discard(task)
            for end in ends:
                with contextlib.suppress(OSError):  # it may have ended by itself
                    reset_on_close(end)
                end.transport.abort()

    async def _hold(self, *ways: Coroutine[Any, Any, None]) -> None:
        """Pass on in both directions until both have ended and been told so; raises OSError as soon as one breaks."""
        passing = [asyncio.create_task(way) for way in ways]
        try:
            await asyncio.gather(*passing)
        finally:
            await end_all(passing)

    async def _pass_on(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, gate: asyncio.Event | None = None
    ) -> None:
        """One direction, to its end, which is told; nothing of it while its gate is shut."""
        while said := await reader.read(_CHUNK_BYTES):
            if self._delay_s:
                await asyncio.sleep(self._delay_s)
            if gate:
                await gate.wait()
            writer.write(said)
            await writer.drain()
        if gate:
            await gate.wait()
        writer.write_eof()
