"""One HTTP exchange over one connection of its own, bounded in size and time.

A connection is never used twice: then a broken exchange is always the subject's doing, and never a stale connection.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import h11

from harness.wire.errors import Broken, ProtocolViolation, Unreachable

_READ_BYTES = 1 << 16
_LONGEST_BODY_BYTES = 1 << 28
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Address:
    """Where an endpoint is; ``target`` is the path with its query."""

    host: str
    port: int
    target: str
    tls: bool

    @classmethod
    def of(cls, url: str) -> Address:
        """Take a URL apart; raises Unreachable for one that names no HTTP endpoint."""
        try:
            parts = urlsplit(url)
            port = parts.port or _PORTS[parts.scheme]
            if not parts.hostname:
                raise ValueError("no host")
        except (ValueError, KeyError) as error:
            raise Unreachable(f"{url!r} is not the URL of an HTTP endpoint") from error
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        return cls(parts.hostname, port, target, parts.scheme == "https")

    @property
    def authority(self) -> str:
        """For the Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


@dataclass(slots=True, eq=False)
class Exchange:
    """A request and its answer. ``abort`` drops the connection from outside, whatever is going on."""

    address: Address
    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    _reader: asyncio.StreamReader | None = None
    _writer: asyncio.StreamWriter | None = None
    _http: h11.Connection = field(default_factory=lambda: h11.Connection(h11.CLIENT))
    _aborted: bool = False

    async def send(self, method: str, headers: Mapping[str, str], body: bytes) -> None:
        """Connect, send the request, and read the head of the answer."""
        await self._connect()
        fields = [("Host", self.address.authority), ("Connection", "close"), ("Content-Length", str(len(body)))]
        head = h11.Request(method=method, target=self.address.target, headers=[*fields, *headers.items()])
        sent = [self._http.send(head), self._http.send(h11.Data(data=body)), self._http.send(h11.EndOfMessage())]
        assert self._writer
        try:
            self._writer.write(b"".join(part for part in sent if part))
            await self._writer.drain()
        except OSError as error:
            raise Broken(f"the connection broke while the request was sent: {error}") from error
        while not isinstance(event := await self._event(), h11.Response):
            if not isinstance(event, h11.InformationalResponse):
                raise Broken("the connection was closed before the answer began")
        self.status = event.status_code
        self.headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in event.headers}

    async def body(self) -> AsyncIterator[bytes]:
        """The answer's body, as it comes."""
        size = 0
        while isinstance(event := await self._event(), h11.Data):
            size += len(event.data)
            if size > _LONGEST_BODY_BYTES:
                raise ProtocolViolation(f"an answer of more than {_LONGEST_BODY_BYTES} bytes")
            yield bytes(event.data)

    async def text(self) -> bytes:
        """The whole body."""
        return b"".join([chunk async for chunk in self.body()])

    async def _connect(self) -> None:
        context = ssl.create_default_context() if self.address.tls else None
        try:
            self._reader, self._writer = await asyncio.open_connection(
                self.address.host, self.address.port, ssl=context
            )
        except OSError as error:
            raise Unreachable(f"no connection to {self.address.authority}: {error}") from error
        if self._aborted:
            self.close()
            raise Broken("the connection was dropped by this side")
        connected: socket.socket | None = self._writer.get_extra_info("socket")
        if connected is not None:
            with contextlib.suppress(OSError):
                connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    async def _event(self) -> object:
        assert self._reader
        while True:
            try:
                event = self._http.next_event()
            except h11.RemoteProtocolError as error:
                if self._http.trailing_data == (b"", True) or "closed" in str(error) or "without" in str(error):
                    raise Broken(f"the connection was closed in the middle of an answer: {error}") from error
                raise ProtocolViolation(f"this is not HTTP: {error}") from error
            if event is not h11.NEED_DATA:
                return event
            try:
                chunk = await self._reader.read(_READ_BYTES)
            except (OSError, ssl.SSLError) as error:
                raise Broken(f"the connection broke: {error}") from error
            if self._aborted:
                raise Broken("the connection was dropped by this side")
            if not chunk and self._http.their_state is h11.SEND_RESPONSE:
                raise Broken("the connection was closed before the answer began")
            self._http.receive_data(chunk)

    def abort(self) -> None:
        """Drop the connection at once; whoever waits for the answer gets Broken."""
        self._aborted = True
        if self._writer:
            self._writer.transport.abort()
        if self._reader and self._reader.exception() is None:
            self._reader.feed_eof()

    def close(self) -> None:
        """Let the connection go."""
        if self._writer:
            self._writer.transport.abort()
