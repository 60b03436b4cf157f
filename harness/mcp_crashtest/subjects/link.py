"""The link between a subject and one of its services: a port of the lab's, at which everything is passed on.

A link can be cut, slow or silent, as a network is between two machines. Who is connected when it is cut is reset, and
so is who comes while it lasts. A silent one is half open: connections stay and are made, what the subject says reaches
the service, and no answer comes back; whoever was connected is reset when that ends. So nobody knows what became of a
COMMIT that was sent. Either can begin with a message: that one is passed on, and no answer comes through from then on.
A message is what the subject says on one connection until something is answered there, or until it pauses: what is
sent in one go, before anybody answers, is one, and so is what nobody answers at all. The lab itself, and other
services, reach the service directly: one server of several can be cut off alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from mcp_crashtest.model.errors import HarnessError
from mcp_crashtest.subjects.round_robin import end_all, reset_on_close
from mcp_crashtest.subjects.sockets import LOOPBACK, find_free_port

_CHUNK_BYTES = 1 << 16
_PAUSE_S = 0.05


@dataclass(slots=True, eq=False)
class Message:
    """One of the subject's: its number on this link, its bytes, and whether the service has answered it by now."""

    number: int
    said_bytes: int = 0
    answered: bool = False


@dataclass(slots=True, eq=False)
class _Line:
    """One connection; ``message`` is what was said on it, at ``spoke_at`` last, and is not answered yet."""

    message: Message | None = None
    spoke_at: float = -math.inf


@dataclass(slots=True, eq=False)
class Link:
    """Listens on ``port`` of loopback, and passes on to ``service_port``, both ways.

    ``messages`` counts those that the subject has begun, the latest of them at ``spoke_at`` on the monotonic clock.
    Who says nothing for ``pause_s`` begins another one. ``held`` is the one behind which no answer has come through.
    ``tell`` is called whenever one was passed on, and when one is answered.
    """

    service_port: int
    port: int = field(default_factory=find_free_port)
    pause_s: float = _PAUSE_S
    messages: int = 0
    spoke_at: float = -math.inf
    held: Message | None = None
    tell: Callable[[], object] = lambda: None
    _hold_behind: int | None = None
    _door: asyncio.Server | None = None
    _answers: asyncio.Event = field(default_factory=asyncio.Event)
    _is_cut: bool = False
    _delay_s: float = 0.0
    _connected: set[asyncio.Task[None]] = field(default_factory=set)

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
        return len(self._connected)

    def hold_behind(self, number: int) -> None:
        """Pass on the n-th message from now on, and no answer from then on, until a fault is healed or ``release``."""
        self._hold_behind, self.held = self.messages + number, None

    def release(self) -> None:
        """Let answers through."""
        self._hold_behind = self.held = None
        self._answers.set()

    @asynccontextmanager
    async def cut(self) -> AsyncIterator[int]:
        """Reset all connections, and everybody who comes, until it is healed; how many were connected."""
        self._is_cut = True
        try:
            yield await self._reset_all()
        finally:
            self._is_cut = False
            self.release()

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
            self.release()

    async def close(self) -> None:
        """End all of it."""
        if self._door:
            self._door.close()
        await self._reset_all()

    async def _reset_all(self) -> int:
        connected = list(self._connected)
        await end_all(connected)
        return len(connected)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._connected.add(task)
        ends, line = [writer], _Line()
        try:
            if not self._is_cut:
                there, back = await asyncio.open_connection(LOOPBACK, self.service_port, limit=_CHUNK_BYTES)
                ends.append(back)
                await self._hold(self._ask(line, reader, back), self._answer(line, there, writer))
                for end in (writer, back):  # both have ended by themselves: what was said last still arrives
                    end.close()
                ends.clear()
        except (OSError, asyncio.CancelledError):
            pass  # a broken connection says it to both sides; this task is nobody's but ours
        finally:
            self._connected.discard(task)
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

    async def _ask(self, line: _Line, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """What the subject says, to its end, which is told."""
        while said := await reader.read(_CHUNK_BYTES):
            self._asked(line, len(said))
            if self._delay_s:
                await asyncio.sleep(self._delay_s)
            writer.write(said)
            await writer.drain()
            self.tell()
        writer.write_eof()

    def _asked(self, line: _Line, said_bytes: int) -> None:
        """These bytes are another message, or belong to the one before. Answers are held before it is passed on."""
        before, line.spoke_at = line.spoke_at, time.monotonic()
        if line.message is None or line.spoke_at - before >= self.pause_s:
            self.messages += 1
            self.spoke_at = line.spoke_at
            line.message = Message(self.messages)
            if self.messages == self._hold_behind:
                self._answers.clear()
                self.held = line.message
        line.message.said_bytes += said_bytes

    async def _answer(self, line: _Line, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """What the service says, to its end, which is told; nothing of it while answers are held."""
        while said := await reader.read(_CHUNK_BYTES):
            self._answered(line)
            if self._delay_s:
                await asyncio.sleep(self._delay_s)
            await self._answers.wait()
            writer.write(said)
            await writer.drain()
        await self._answers.wait()
        writer.write_eof()

    def _answered(self, line: _Line) -> None:
        message, line.message = line.message, None
        if message:
            message.answered = True
            self.tell()
