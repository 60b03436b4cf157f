"""A relay between a client under test and its server: it passes every byte on, and sees what is asked and answered.

Bytes are passed on as they came; h11 only tells where a message ends. A witness is told of each request before the
server has it, and of each answer before and after the client has it; while the witness waits, so does whoever waits for
these bytes. While the door is closed, connections are refused, as they are by a server that is not there.

Not here: HTTP/2, TLS, and compressed answers, which are passed on unread.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import h11

from mcp_crashtest.model.errors import HarnessError
from mcp_crashtest.wire.errors import ProtocolViolation
from mcp_crashtest.wire.sse import EventStream

_HOST = "127.0.0.1"
_CHUNK_BYTES = 1 << 16
_LONGEST_BYTES = 1 << 26
_BACKLOG = 128
_PAUSE_S = 0.005


@dataclass(slots=True, eq=False)
class Exchange:
    """One request and what becomes of it. ``message`` is its JSON-RPC request; None where it is none."""

    http_method: bytes
    message: dict[str, Any] | None
    answered: bool = False

    @property
    def method(self) -> str:
        """The JSON-RPC method, empty where there is none."""
        found = self.message.get("method") if self.message else None
        return found if isinstance(found, str) else ""

    @property
    def params(self) -> dict[str, Any]:
        """The request's parameters."""
        found = self.message.get("params") if self.message else None
        return found if isinstance(found, dict) else {}


class Witness(Protocol):
    """Who watches a relay."""

    async def asked(self, exchange: Exchange) -> None:
        """The client has asked; the server does not know of it yet."""

    async def answering(self, exchange: Exchange, answer: dict[str, Any]) -> None:
        """The server has answered; the client does not know of it yet."""

    async def answered(self, exchange: Exchange, answer: dict[str, Any]) -> None:
        """The client has been given the answer."""

    async def broken(self, exchange: Exchange) -> None:
        """The exchange has ended without an answer."""


@dataclass(slots=True)
class Relay:
    """Listens on ``port`` of the loopback, and passes on to ``server_port``, while its door is open.

    ``tell`` is told when the door was opened or shut, and of how many connections were cut.
    """

    port: int
    server_port: int
    witness: Witness
    tell: Callable[[str, Mapping[str, int]], object] = lambda *_: None
    _door: asyncio.Server | None = None
    _conversations: set[asyncio.Task[None]] = field(default_factory=set)

    async def open(self, deadline_s: float) -> None:
        """Open the door once the server accepts connections; raises TimeoutError."""
        async with asyncio.timeout(deadline_s):
            while not await self._server_accepts():  # noqa: ASYNC110  nobody tells when another process listens
                await asyncio.sleep(_PAUSE_S)
        listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind((_HOST, self.port))
            self._door = await asyncio.start_server(self._come_in, sock=listening, backlog=_BACKLOG)
        except OSError as error:
            listening.close()
            raise HarnessError(f"the lab cannot listen on {_HOST}:{self.port}: {error}") from error
        self.tell("open", {})

    def shut(self) -> None:
        """Refuse connections from now on; those that there are go on."""
        door, self._door = self._door, None
        if door:
            door.close()
            self.tell("shut", {})

    async def cut(self) -> int:
        """Cut all connections, as a crash does; how many there were."""
        cut = list(self._conversations)
        for conversation in cut:
            conversation.cancel()
        await asyncio.gather(*cut, return_exceptions=True)
        if cut:
            self.tell("cut", {"connections": len(cut)})
        return len(cut)

    async def _server_accepts(self) -> bool:
        try:
            _, writer = await asyncio.open_connection(_HOST, self.server_port)
        except OSError:
            return False
        writer.transport.abort()
        return True

    async def _come_in(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._conversations.add(task)
        server: asyncio.StreamWriter | None = None
        try:
            answers, server = await asyncio.open_connection(_HOST, self.server_port)
            await _Conversation(reader, writer, answers, server, self.witness).hold()
        except (OSError, EOFError, h11.RemoteProtocolError, ProtocolViolation, asyncio.CancelledError):
            pass  # cut or broken off: the broken connection says it; this task is nobody's but ours
        finally:
            self._conversations.discard(task)
            writer.transport.abort()
            if server:
                server.transport.abort()


@dataclass(slots=True)
class _Conversation:
    """One connection of the client's and the one to the server that it stands for."""

    asks: asyncio.StreamReader
    to_client: asyncio.StreamWriter
    answers: asyncio.StreamReader
    to_server: asyncio.StreamWriter
    witness: Witness
    _ahead: bytes = b""

    async def hold(self) -> None:
        """Pass on one exchange after the other until one side leaves."""
        while (asked := await self._next_request()) is not None:
            exchange, raw = asked
            answering = asyncio.create_task(self._exchange(exchange, raw))
            leaving = asyncio.create_task(self.asks.read(_CHUNK_BYTES))
            try:
                await asyncio.wait({answering, leaving}, return_when=asyncio.FIRST_COMPLETED)
                if leaving.done() and not answering.done():
                    self._ahead = leaving.result()
                    if not self._ahead:
                        return
                await answering
                if not leaving.done():
                    leaving.cancel()
                    await asyncio.wait({leaving})
                if not leaving.cancelled() and not self._ahead:
                    self._ahead = leaving.result()
                    if not self._ahead:
                        return
            finally:
                for task in (answering, leaving):
                    task.cancel()
                await asyncio.gather(answering, leaving, return_exceptions=True)
                if not exchange.answered:
                    await self.witness.broken(exchange)

    async def _next_request(self) -> tuple[Exchange, bytes] | None:
        """The next whole request, as an exchange and as bytes; None when the client leaves."""
        parser, raw, body, method = h11.Connection(h11.SERVER), bytearray(), bytearray(), b""
        while True:
            match parser.next_event():
                case h11.NEED_DATA:
                    chunk, self._ahead = self._ahead or await self.asks.read(_CHUNK_BYTES), b""
                    if not chunk:
                        return None
                    raw += chunk
                    _bounded(raw)
                    parser.receive_data(chunk)
                case h11.Request() as request:
                    method = bytes(request.method)
                case h11.Data() as data:
                    body += data.data
                case h11.EndOfMessage():
                    self._ahead = bytes(parser.trailing_data[0])
                    whole = bytes(raw[: len(raw) - len(self._ahead)])
                    return Exchange(method, _message(bytes(body))), whole
                case _:
                    return None

    async def _exchange(self, exchange: Exchange, raw: bytes) -> None:
        """Pass the request on, then the answer as it comes."""
        await self.witness.asked(exchange)
        self.to_server.write(raw)
        await self.to_server.drain()
        reading = Answer(exchange)
        while not reading.ended:
            chunk = await self.answers.read(_CHUNK_BYTES)
            found = reading.feed(chunk)
            for answer in found:
                await self.witness.answering(exchange, answer)
            self.to_client.write(chunk)
            await self.to_client.drain()
            for answer in found:
                exchange.answered = True
                await self.witness.answered(exchange, answer)
            if not chunk:
                raise EOFError


class Answer:
    """Reads the answer to one exchange beside its bytes: the JSON-RPC responses to its request as they come."""

    def __init__(self, exchange: Exchange) -> None:
        self.ended = False
        self._id = exchange.message.get("id") if exchange.message else None
        self._parser = h11.Connection(h11.CLIENT)
        asked = h11.Request(method=exchange.http_method, target="/", headers=[("Host", "-"), ("Content-Length", "0")])
        self._parser.send(asked)
        self._parser.send(h11.EndOfMessage())
        self._events: EventStream | None = None
        self._body = bytearray()
        self._readable = True

    def feed(self, chunk: bytes) -> list[dict[str, Any]]:
        """The answers that end within this chunk; an empty chunk is the end of the connection."""
        self._parser.receive_data(chunk)
        found: list[Any] = []
        while True:
            match self._parser.next_event():
                case h11.Response() as response:
                    self._begin({bytes(k): bytes(v) for k, v in response.headers})
                case h11.Data() as data:
                    found += self._read(bytes(data.data))
                case h11.EndOfMessage():
                    self.ended = True
                    found.append(_message(bytes(self._body)))
                case h11.InformationalResponse():
                    continue
                case _:
                    return [m for m in found if m and self._id is not None and _answers(m, self._id)]

    def _begin(self, headers: dict[bytes, bytes]) -> None:
        self._readable = headers.get(b"content-encoding", b"identity") == b"identity"
        if headers.get(b"content-type", b"").startswith(b"text/event-stream"):
            self._events = EventStream(_LONGEST_BYTES)

    def _read(self, data: bytes) -> list[Any]:
        if not self._readable:
            return []
        if self._events:
            return [_message(event.data.encode()) for event in self._events.feed(data)]
        self._body += data
        _bounded(self._body)
        return []


def _answers(message: dict[str, Any], id_: Any) -> bool:
    return message.get("id") == id_ and "method" not in message


def _message(body: bytes) -> dict[str, Any] | None:
    """The JSON object in a body; None where there is none."""
    with contextlib.suppress(ValueError, RecursionError):
        message = json.loads(body)
        return message if isinstance(message, dict) else None
    return None


def _bounded(buffer: bytearray) -> None:
    if len(buffer) > _LONGEST_BYTES:
        raise ProtocolViolation(f"a message of more than {_LONGEST_BYTES} bytes")
