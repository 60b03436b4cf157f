"""One HTTP exchange over one connection of its own, bounded in size.

A connection is never used twice: then a broken exchange is always the subject's doing and never a stale connection,
and no idle connection of ours holds up a subject that stops. Time is the caller's business: every wait here ends when
its task is cancelled, or at ``abort``.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, urlsplit

import h11

from mcp_crashtest.wire.errors import Broken, ProtocolViolation, Unreachable, shown

_READ_BYTES = 1 << 16
_LONGEST_HEAD_BYTES = 1 << 16
_LONGEST_BODY_BYTES = 1 << 26
_PORTS = {"http": 80, "https": 443}
_LEGAL_IN_TARGETS = "/%:@!$&'()*+,;=~?-._[]"
_STATUS_LINE = b"HTTP/"
_DROPPED = "the connection was dropped by this side"


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
            host = (parts.hostname or "").encode("idna" if not (parts.hostname or "").isascii() else "ascii").decode()
            if not host or any(c.isspace() for c in host):
                raise ValueError("no host")
        except (ValueError, KeyError) as error:
            raise Unreachable(f"{shown(url)} is not the URL of an HTTP endpoint") from error
        target = quote((parts.path or "/") + (f"?{parts.query}" if parts.query else ""), safe=_LEGAL_IN_TARGETS)
        return cls(host, port, target, parts.scheme == "https")

    @property
    def authority(self) -> str:
        """For the Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


@dataclass(slots=True, eq=False, repr=False)
class Exchange:
    """A request and its answer. ``abort`` drops the connection from outside, whatever is going on."""

    address: Address
    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    _reader: asyncio.StreamReader | None = None
    _writer: asyncio.StreamWriter | None = None
    _connecting: asyncio.Task[tuple[asyncio.StreamReader, asyncio.StreamWriter]] | None = None
    _http: h11.Connection = field(
        default_factory=lambda: h11.Connection(h11.CLIENT, max_incomplete_event_size=_LONGEST_HEAD_BYTES)
    )
    _ended: bool = False
    _aborted: bool = False

    async def send(self, method: str, headers: Mapping[str, str], body: bytes) -> None:
        """Connect, send the request, and read the head of the answer. Raises ValueError for headers of ours."""
        request = self._encoded(method, headers, body)
        await self._connect()
        assert self._writer
        try:
            self._writer.write(request)
            await self._writer.drain()
        except OSError as error:
            raise Broken(f"the connection broke while the request was sent: {error}") from error
        event = await self._event()
        while isinstance(event, h11.InformationalResponse):
            event = await self._event()
        if not isinstance(event, h11.Response):
            raise Broken("the connection was closed before the answer began")
        self.status = event.status_code
        self.headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in event.headers}

    @property
    def delimited(self) -> bool:
        """Whether the answer says where its body ends. If it does not, a whole body looks like one cut short."""
        return "content-length" in self.headers or "transfer-encoding" in self.headers

    async def chunk(self) -> bytes:
        """The next part of the answer's body; empty at its end."""
        await asyncio.sleep(0)  # a flood that has arrived already must not keep a deadline from being heard
        while isinstance(event := await self._event(), h11.Data):
            if event.data:
                return bytes(event.data)
        return b""

    async def text(self) -> bytes:
        """The whole body; raises ProtocolViolation beyond the bound."""
        parts, size = [], 0
        while part := await self.chunk():
            parts.append(part)
            size += len(part)
            if size > _LONGEST_BODY_BYTES:
                raise ProtocolViolation(f"an answer of more than {_LONGEST_BODY_BYTES} bytes")
        return b"".join(parts)

    def abort(self) -> None:
        """Drop the connection at once; whoever waits for the answer gets Broken."""
        self._aborted = True
        if self._connecting:
            self._connecting.cancel()
        self.close()
        if self._reader and self._reader.exception() is None:
            self._reader.feed_eof()

    def close(self) -> None:
        """Let the connection go."""
        if self._writer:
            self._writer.transport.abort()

    def _encoded(self, method: str, headers: Mapping[str, str], body: bytes) -> bytes:
        ours = {
            "Host": self.address.authority,
            "Connection": "close",
            "Accept-Encoding": "identity",
            "Content-Length": str(len(body)),
        }
        try:
            head = h11.Request(method=method, target=self.address.target, headers=[*ours.items(), *headers.items()])
            parts = [self._http.send(head), self._http.send(h11.Data(data=body)), self._http.send(h11.EndOfMessage())]
        except (h11.LocalProtocolError, UnicodeEncodeError):
            raise ValueError(f"not legal in HTTP: one of the headers {', '.join(headers)}, or its value") from None
        return b"".join(part for part in parts if part)

    async def _connect(self) -> None:
        context, cancelled = (_tls() if self.address.tls else None), _cancellations()
        opening = asyncio.open_connection(self.address.host, self.address.port, ssl=context)
        self._connecting = asyncio.ensure_future(opening)
        try:
            self._reader, self._writer = await self._connecting
        except (OSError, UnicodeError) as error:
            raise Unreachable(f"no connection to {self.address.authority}: {error}") from error
        except asyncio.CancelledError:
            if self._aborted and _cancellations() == cancelled:
                raise Broken(_DROPPED) from None
            raise
        if self._aborted:
            self.close()
            raise Broken(_DROPPED)
        connected: socket.socket | None = self._writer.get_extra_info("socket")
        if connected is not None:
            with contextlib.suppress(OSError):
                connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    async def _event(self) -> object:
        while True:
            try:
                event = self._http.next_event()
            except h11.RemoteProtocolError as error:
                if self._ended:
                    raise Broken(f"the connection was closed in the middle of an answer: {error}") from error
                raise ProtocolViolation(f"this is not HTTP: {shown(error)}") from error
            if event is not h11.NEED_DATA:
                return event
            self._http.receive_data(await self._read())

    async def _read(self) -> bytes:
        assert self._reader
        if self._ended:  # h11 asks for more after the end when it holds half a line
            raise Broken("the connection was closed in the middle of an answer")
        try:
            chunk = await self._reader.read(_READ_BYTES)
        except OSError as error:
            raise Broken(f"the connection broke: {error}") from error
        if self._aborted:
            raise Broken(_DROPPED)
        self._ended = not chunk
        if self._ended and self._http.their_state is h11.SEND_RESPONSE:
            head = self._http.trailing_data[0]
            if not head.startswith(_STATUS_LINE[: len(head)]):
                raise ProtocolViolation(f"this is not HTTP: {shown(head)}")
            raise Broken("the connection was closed before the answer began")
        return chunk


@functools.cache
def _tls() -> ssl.SSLContext:
    """Reading the certificates of the authorities takes tens of milliseconds: once, and only if asked for."""
    return ssl.create_default_context()


def _cancellations() -> int:
    """How often somebody has asked the current task, as opposed to what it waits for, to end."""
    task = asyncio.current_task()
    return task.cancelling() if task else 0
