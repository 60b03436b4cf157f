"""Standard streams (basic/transports): a message a line, many requests under way at once, told apart by their ids.

``Pipes`` is one connection, whoever speaks over it; ``Stdio`` is one session's share of it. What a server writes to its
standard output beside its messages breaks nothing by itself: it is handed to ``on_stray``, and the next line is read.
A line that the end of the connection has torn is dropped, like whatever else was under way.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mcp_crashtest.wire import messages
from mcp_crashtest.wire.errors import Broken, ProtocolViolation, WireError, shown
from mcp_crashtest.wire.messages import Message
from mcp_crashtest.wire.transport import Connection, Heard, Move, State

LONGEST_LINE_BYTES = 1 << 26
INTRODUCTIONS = frozenset({"initialize", "server/discover"})
_LEAVING_S = 1.5
_MOST_OBLIGED = 100
_HUNG_UP = "this side has closed the server's standard input"
_ENDED = "the server's standard output has ended"

OnStray = Callable[[str], object]


@dataclass(slots=True, eq=False)
class _Asked:
    """A request under way; ``token`` is what its asker calls its progress."""

    answer: asyncio.Future[Message]
    heard: Heard
    token: Any = None


class Pipes:
    """One connection. Every request gets a number of its own, so that several may share it.

    ``introductions`` are the results with which the server has introduced itself, by method; ``ended`` is set once
    nothing can be asked any more.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, on_stray: OnStray | None) -> None:
        self.introductions: dict[str, Message] = {}
        self.introduced = asyncio.Event()
        self.ended = asyncio.Event()
        self._reader = reader
        self._writer = writer
        self._on_stray = on_stray
        self._numbers = itertools.count(1)
        self._latest = 0
        self._asked: dict[int, _Asked] = {}
        self._obliging: set[asyncio.Task[None]] = set()
        self._failure: WireError | None = None
        self._transports: list[asyncio.BaseTransport] = []
        self._reading = asyncio.create_task(self._read())

    @classmethod
    async def over(cls, descriptors: Sequence[int], on_stray: OnStray | None = None) -> Pipes:
        """Speak over two pipes, one to read from and one to write to, which are ours from now on."""
        reading, writing = descriptors
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(limit=LONGEST_LINE_BYTES)
        incoming, _ = await loop.connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(reading, "rb", buffering=0)
        )
        outgoing, protocol = await loop.connect_write_pipe(
            lambda: asyncio.StreamReaderProtocol(asyncio.StreamReader()), os.fdopen(writing, "wb", buffering=0)
        )
        pipes = cls(reader, asyncio.StreamWriter(outgoing, protocol, None, loop), on_stray)
        pipes._transports.append(incoming)
        return pipes

    @classmethod
    async def beside(cls, shared: socket.socket) -> Pipes:
        """Speak over a connection that somebody else shares with us, at the other end of this socket."""
        reader, writer = await asyncio.open_connection(sock=shared, limit=LONGEST_LINE_BYTES)
        return cls(reader, writer, None)

    async def ask(self, message: Message, heard: Heard) -> Message:
        """Send a request: its response, with the id that the asker knows. Raises Broken, ProtocolViolation."""
        self._refuse_ended()
        self._latest = next(self._numbers)
        number = self._latest + messages.mark_of(message)
        numbered, token = _numbered(message, number)
        asked = self._asked[number] = _Asked(asyncio.get_running_loop().create_future(), heard, token)
        try:
            await self._send(numbered)
            answer = await asked.answer
        finally:
            self._asked.pop(number, None)
            if asked.answer.done() and not asked.answer.cancelled():
                asked.answer.exception()  # nobody has to have asked
        if message["method"] in INTRODUCTIONS and isinstance(answer.get("result"), dict):
            self.introductions[message["method"]] = answer["result"]
            self.introduced.set()
        return answer if answer.get("id") is None else {**answer, "id": message["id"]}

    async def tell(self, message: Message) -> None:
        """Send a message that nothing answers. Raises Broken."""
        self._refuse_ended()
        await self._send(message)

    async def _send(self, message: Mapping[str, Any]) -> None:
        try:
            self._writer.write(messages.encode(message) + b"\n")
            await self._writer.drain()
        except (OSError, RuntimeError) as error:
            raise self._failure or Broken(f"the server's standard input is closed: {error}") from error

    def _refuse_ended(self) -> None:
        if self._failure is not None:
            raise type(self._failure)(str(self._failure))

    # --- what comes

    async def _read(self) -> None:
        failure: WireError = Broken(_ENDED)
        try:
            while True:
                await self._line(await self._reader.readuntil(b"\n"))
        except asyncio.IncompleteReadError:
            pass
        except asyncio.LimitOverrunError:
            failure = ProtocolViolation(f"a line of more than {LONGEST_LINE_BYTES >> 20} MiB on standard output")
        except OSError as error:
            failure = Broken(f"the server's standard output is broken: {error}")
        self._end(failure)
        self._close()

    async def _line(self, line: bytes) -> None:
        if self._failure is not None:
            return  # we have hung up, and only let the server come to its end
        try:
            for message in _messages_in(line):
                await self._take(message)
        except ProtocolViolation:
            self._stray(shown(line.rstrip(b"\r\n")) or "(an empty line)")

    async def _take(self, message: Message) -> None:
        if "method" not in message:
            self._answered(message)
        elif "id" in message:
            self._oblige(message)
        else:
            await self._notified(message)

    def _answered(self, answer: Message) -> None:
        number = answer.get("id")
        if number is None and len(self._asked) == 1:  # an error that says of no request that it could not be read
            [number] = self._asked
        asked = self._asked.pop(number, None) if type(number) is int else None
        if asked is not None:
            if not asked.answer.done():
                asked.answer.set_result(answer)
        elif not (
            type(number) is int and 0 < messages.unmarked(number) <= self._latest
        ):  # else it comes late, and nobody waits for it
            self._stray(f"an answer to a request that nobody has made: {shown(json.dumps(answer))}")

    async def _notified(self, message: Message) -> None:
        told = message.get("params")
        token = told.get("progressToken") if isinstance(told, dict) else None
        if message["method"] != "notifications/progress":
            for asked in tuple(self._asked.values()):
                await _hand(asked, message)
            return
        found = next((a for n, a in self._asked.items() if a.token is not None and token == _token(n)), None)
        if found is not None and isinstance(told, dict):
            await _hand(found, {**message, "params": {**told, "progressToken": found.token}})

    def _oblige(self, message: Message) -> None:
        """A request of the server's is for the call that is under way; where there is none we answer by ourselves.

        Beside the reading: a server that does not read while it asks must not keep us from hearing it.
        """
        if len(self._obliging) >= _MOST_OBLIGED:
            return
        asked = next(iter(self._asked.values()), None)
        doing = self._answer(message) if asked is None else _hand(asked, message)
        task = asyncio.create_task(doing)
        self._obliging.add(task)
        task.add_done_callback(self._obliging.discard)

    async def _answer(self, message: Message) -> None:
        with contextlib.suppress(WireError):
            await self.tell(messages.answer_to(message))

    def _stray(self, text: str) -> None:
        if self._on_stray:
            self._on_stray(text)

    # --- the end

    def hang_up(self) -> None:
        """Close the server's standard input, as a host's goodbye begins; what it still says is read, and not heard."""
        self._end(Broken(_HUNG_UP))
        self._writer.close()

    def abort(self) -> None:
        """Close both at once, as the death of a host does; whoever waits for an answer gets Broken."""
        self._end(Broken("the connection was dropped by this side"))
        self._reading.cancel()
        self._close()

    def _end(self, failure: WireError) -> None:
        if self._failure is None:
            self._failure = failure
        self.ended.set()
        self.introduced.set()
        for asked in self._asked.values():
            if not asked.answer.done():
                asked.answer.set_exception(type(self._failure)(str(self._failure)))
        for task in self._obliging:
            task.cancel()

    def _close(self) -> None:
        outgoing = self._writer.transport
        if not outgoing.is_closing() or outgoing.get_write_buffer_size():
            outgoing.abort()
        for transport in self._transports:
            transport.close()

    async def let_go(self) -> None:
        """Wait until our end of the server's standard input is closed, after ``hang_up`` or ``abort``."""
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()

    async def wait_closed(self) -> None:
        """Wait until the server has closed its standard output."""
        await asyncio.wait({self._reading})


@dataclass(slots=True, eq=False, repr=False)
class Stdio:
    """A session over standard streams; leaving it ends the connection, for all who speak over it."""

    pipes: Pipes
    connection: Connection = field(default_factory=Connection)

    async def ask(self, message: Message, heard: Heard) -> Message:
        """Send a request: its response, not yet looked at. What else the server says meanwhile is handed on."""
        self.connection.move(Move.SPEAK)
        self.connection.sent(message)

        async def told(said: Message) -> None:
            self._received(said)
            await heard(said)

        answer = await self.pipes.ask(message, told)
        self._received(answer)
        return answer

    async def tell(self, message: Message) -> None:
        """Send a message that nothing answers."""
        self.connection.move(Move.SPEAK)
        self.connection.sent(message)
        await self.pipes.tell(message)

    async def leave(self) -> None:
        """Close the server's standard input; one that does not end is left after 1.5 s."""
        if self.connection.move(Move.LEAVE) is not State.LEAVING:
            return
        self.pipes.hang_up()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LEAVING_S):
                await self.pipes.wait_closed()

    def abort(self) -> None:
        """Close both pipes at once; a pending request raises Broken."""
        self.connection.move(Move.DROP)
        self.pipes.abort()

    def _received(self, message: Message) -> None:
        if self.connection.on_message:
            self.connection.on_message("received", message)


async def _hand(asked: _Asked, message: Message) -> None:
    """Hand a message on to whoever has asked; what it finds wrong with it is the end of its request."""
    try:
        await asked.heard(message)
    except WireError as error:
        if not asked.answer.done():
            asked.answer.set_exception(error)


def _numbered(message: Message, number: int) -> tuple[Message, Any]:
    """A request under the connection's own number, its progress too; and what the asker calls its progress."""
    params = message.get("params")
    meta = params.get("_meta") if isinstance(params, dict) else None
    if not isinstance(params, dict) or not isinstance(meta, dict) or "progressToken" not in meta:
        return {**message, "id": number}, None
    renamed = {**params, "_meta": {**meta, "progressToken": _token(number)}}
    return {**message, "id": number, "params": renamed}, meta["progressToken"]


def _token(number: int) -> str:
    return f"progress-{number}"


def _messages_in(line: bytes) -> Iterator[Message]:
    """The messages of a line: one, or a batch, which 2025-03-26 and 2024-11-05 have. Raises ProtocolViolation."""
    if not line.lstrip().startswith(b"["):
        yield messages.decode(line)
        return
    try:
        batch = json.loads(line)
    except (ValueError, RecursionError):
        raise ProtocolViolation(f"expected a JSON-RPC message, found: {shown(line)}") from None
    yield from [messages.decode(json.dumps(item)) for item in batch] or [messages.decode(line)]
