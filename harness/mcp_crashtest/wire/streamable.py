"""Streamable HTTP (basic/transports): each message of ours is a POST, answered by JSON or by a stream of events.

Headers repeat the revision and, in the handshake era, the session's id, which comes with the answer to ``initialize``
and is deleted when we leave. A stream is read to our answer and no further. It is joined again where its server has
closed it and has asked for that, and where somebody follows it as a ``Stream``.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass, field

from mcp_crashtest.wire import messages
from mcp_crashtest.wire.errors import Broken, HttpError, ProtocolViolation, SessionLost, WireError, shown
from mcp_crashtest.wire.http import Address, Exchange
from mcp_crashtest.wire.messages import Message
from mcp_crashtest.wire.resuming import Part, Stream
from mcp_crashtest.wire.sse import EventStream
from mcp_crashtest.wire.transport import Connection, Heard, Move, State

_LONGEST_EVENT_BYTES = 1 << 26
_LEAVING_S = 1.5  # less than the two seconds that a client in a hurry gives us
_MOST_POLLS = 10_000
_LONGEST_RETRY_MS = 30_000
_SUCCESSES = range(200, 300)
_CLIENT_ERRORS = range(400, 500)
_WHO_ASKS = (401, 403)


@dataclass(slots=True, eq=False, repr=False)
class Streamable:
    """One endpoint, spoken to in exchanges of their own; ``extra_headers`` go with each.

    ``stream`` is that of the next call of a tool, for whoever follows it.
    """

    address: Address
    extra_headers: Mapping[str, str] = field(default_factory=dict)
    connection: Connection = field(default_factory=Connection)
    stream: Stream | None = None
    _exchanges: set[Exchange] = field(default_factory=set)

    async def ask(self, message: Message, heard: Heard) -> Message:
        """Send a request: its response, not yet looked at. What else the server says meanwhile is handed on."""
        stream = Stream(_nobody, followed=False)
        if message["method"] == "tools/call" and self.stream is not None and self.stream.request is None:
            stream = self.stream
        stream.begin(message)
        stream.session_id = self.connection.session_id
        async with self._post(message) as exchange:
            answer = await self._answer(exchange, heard, stream)
            if message["method"] == "initialize":
                self.connection.session_id = _session_id(exchange.headers.get("mcp-session-id"))
        return answer if answer is not None else await self._polled(stream, heard)

    async def rejoin(self, stream: Stream, heard: Heard, behind: str) -> Message:
        """Join a stream again behind one of its events: the response to its request. Raises WireError."""
        answer = await self._joined(stream, heard, behind)
        return answer if answer is not None else await self._polled(stream, heard)

    async def _polled(self, stream: Stream, heard: Heard) -> Message:
        """Join a stream again and again that its server closes, after the time for which it asks."""
        for _ in range(_MOST_POLLS):
            await asyncio.sleep(min(stream.retry_ms or 0, _LONGEST_RETRY_MS) / 1000)
            answer = await self._joined(stream, heard, stream.ids[-1])
            if answer is not None:
                return answer
        raise Broken(f"the stream was closed {_MOST_POLLS} times without the answer")

    async def _joined(self, stream: Stream, heard: Heard, behind: str) -> Message | None:
        async with self._exchange("GET", {}, b"", {"Last-Event-ID": behind}) as exchange:
            if not _is_stream(exchange):
                raise self._refused(exchange, await exchange.text())
            stream.fruitless += 1
            return await self._streamed(exchange, heard, stream)

    async def tell(self, message: Message) -> None:
        """Send a message that nothing answers."""
        async with self._post(message) as exchange:
            body = await exchange.text()
            if exchange.status not in _SUCCESSES:
                raise self._refused(exchange, body)

    async def leave(self) -> None:
        """Delete the session where there is one; a server that does not answer is left after 1.5 s."""
        if self.connection.move(Move.LEAVE) is not State.LEAVING or self.connection.session_id is None:
            return
        with suppress(WireError, TimeoutError):
            async with asyncio.timeout(_LEAVING_S), self._exchange("DELETE", {}, b""):
                pass

    def abort(self) -> None:
        """Drop every connection at once and without a word; a pending request raises Broken."""
        self.connection.move(Move.DROP)
        for exchange in tuple(self._exchanges):
            exchange.abort()

    def _post(self, message: Message) -> AbstractAsyncContextManager[Exchange]:
        return self._exchange("POST", message, self.connection.sent(message))

    @asynccontextmanager
    async def _exchange(
        self, method: str, message: Message, body: bytes, more: Mapping[str, str] | None = None
    ) -> AsyncIterator[Exchange]:
        self.connection.move(Move.SPEAK)
        headers = messages.headers(self.connection.protocol, message, self.connection.session_id)
        exchange = Exchange(self.address)
        self._exchanges.add(exchange)
        try:
            await exchange.send(method, {**headers, **self.extra_headers, **(more or {})}, body)
            yield exchange
        finally:
            self._exchanges.discard(exchange)
            exchange.close()

    async def _answer(self, exchange: Exchange, heard: Heard, stream: Stream) -> Message | None:
        if _is_stream(exchange):
            return await self._streamed(exchange, heard, stream)
        body = await exchange.text()
        if exchange.status not in _SUCCESSES:
            raise self._refused(exchange, body)
        try:
            return self.connection.received(body)
        except ProtocolViolation as error:
            if exchange.delimited:
                raise
            raise Broken(f"the answer ended with the connection, and is not whole: {error}") from error

    async def _streamed(self, exchange: Exchange, heard: Heard, stream: Stream) -> Message | None:
        """The response, where it comes; None where the server has closed the stream, which is to be joined again."""
        events = EventStream(_LONGEST_EVENT_BYTES)
        while chunk := await exchange.chunk():
            for event in events.feed(chunk):
                if event.type != "message" or not event.data:
                    stream.heard(event.id, None)
                    continue
                message = self.connection.received(event.data)
                part = stream.heard(event.id, message)
                if "method" in message:
                    if part in (Part.PROGRESS, Part.OTHER):
                        await heard(message)
                elif part is Part.RESULT or not stream.followed:
                    return message
        stream.retry_ms = events.retry_ms if events.retry_ms is not None else stream.retry_ms
        if stream.retry_ms is not None and stream.ids and not messages.is_stateless(self.connection.protocol):
            return None
        raise Broken("the stream ended without the answer")

    def _refused(self, exchange: Exchange, body: bytes) -> WireError:
        """What an HTTP status other than success means: a lost session, a JSON-RPC error, or just that."""
        status, text, in_session = exchange.status, shown(body), self.connection.session_id is not None
        if status == 404 and in_session:
            return SessionLost(text)
        if status not in _CLIENT_ERRORS:
            moved = exchange.headers.get("location")
            wait_s = _seconds(exchange.headers.get("retry-after"))
            return HttpError(status, f"moved to {moved}; give that URL" if moved else text, wait_s)
        if status in _WHO_ASKS:
            return HttpError(status, text)
        with suppress(ProtocolViolation):
            error = messages.decode(body).get("error")
            if isinstance(error, dict):
                found = messages.failure(error, in_session=in_session)
                if in_session and "session" in str(found).lower():
                    return SessionLost(str(found))  # many servers answer 400 where the specification wants 404
                return found
        return HttpError(status, text, _seconds(exchange.headers.get("retry-after")))


def _nobody(_id: str | None, _part: Part, _message: Message | None) -> None:
    """Nobody hears of events."""


def _is_stream(exchange: Exchange) -> bool:
    kind = exchange.headers.get("content-type", "").lower()
    return exchange.status in _SUCCESSES and kind.startswith("text/event-stream")


def _seconds(text: str | None) -> float | None:
    """Retry-After in seconds; a date, which it may be too, is not worth a clock."""
    return float(text) if text is not None and text.isascii() and text.isdigit() and len(text) < 6 else None


def _session_id(text: str | None) -> str | None:
    if text is not None and not (text and all("!" <= c <= "~" for c in text)):
        raise ProtocolViolation(f"a session id that is not visible ASCII: {shown(text)}")
    return text
