"""Streamable HTTP (basic/transports): each message of ours is a POST, answered by JSON or by a stream of events.

Headers repeat the revision and, in the handshake era, the session's id, which comes with the answer to ``initialize``
and is deleted when we leave. A stream is read to our answer and no further, and is never resumed.
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
from mcp_crashtest.wire.sse import EventStream
from mcp_crashtest.wire.transport import Connection, Heard, Move, State

_LONGEST_EVENT_BYTES = 1 << 26
_LEAVING_S = 1.5  # less than the two seconds that a client in a hurry gives us
_SUCCESSES = range(200, 300)
_CLIENT_ERRORS = range(400, 500)
_WHO_ASKS = (401, 403)


@dataclass(slots=True, eq=False, repr=False)
class Streamable:
    """One endpoint, spoken to in exchanges of their own; ``extra_headers`` go with each."""

    address: Address
    extra_headers: Mapping[str, str] = field(default_factory=dict)
    connection: Connection = field(default_factory=Connection)
    _exchanges: set[Exchange] = field(default_factory=set)

    async def ask(self, message: Message, heard: Heard) -> Message:
        """Send a request: its response, not yet looked at. What else the server says meanwhile is handed on."""
        async with self._post(message) as exchange:
            answer = await self._answer(exchange, heard)
            if message["method"] == "initialize":
                self.connection.session_id = _session_id(exchange.headers.get("mcp-session-id"))
        return answer

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
    async def _exchange(self, method: str, message: Message, body: bytes) -> AsyncIterator[Exchange]:
        self.connection.move(Move.SPEAK)
        headers = messages.headers(self.connection.protocol, message, self.connection.session_id)
        exchange = Exchange(self.address)
        self._exchanges.add(exchange)
        try:
            await exchange.send(method, {**headers, **self.extra_headers}, body)
            yield exchange
        finally:
            self._exchanges.discard(exchange)
            exchange.close()

    async def _answer(self, exchange: Exchange, heard: Heard) -> Message:
        succeeded = exchange.status in _SUCCESSES
        if succeeded and exchange.headers.get("content-type", "").lower().startswith("text/event-stream"):
            return await self._streamed(exchange, heard)
        body = await exchange.text()
        if not succeeded:
            raise self._refused(exchange, body)
        try:
            return self.connection.received(body)
        except ProtocolViolation as error:
            if exchange.delimited:
                raise
            raise Broken(f"the answer ended with the connection, and is not whole: {error}") from error

    async def _streamed(self, exchange: Exchange, heard: Heard) -> Message:
        stream = EventStream(_LONGEST_EVENT_BYTES)
        while chunk := await exchange.chunk():
            for event in stream.feed(chunk):
                if event.type != "message" or not event.data:
                    continue
                message = self.connection.received(event.data)
                if "method" not in message:
                    return message
                await heard(message)
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


def _seconds(text: str | None) -> float | None:
    """Retry-After in seconds; a date, which it may be too, is not worth a clock."""
    return float(text) if text is not None and text.isascii() and text.isdigit() and len(text) < 6 else None


def _session_id(text: str | None) -> str | None:
    if text is not None and not (text and all("!" <= c <= "~" for c in text)):
        raise ProtocolViolation(f"a session id that is not visible ASCII: {shown(text)}")
    return text
