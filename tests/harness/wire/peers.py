"""Small servers that speak HTTP by hand, so that they can do it wrongly, and keep what was said to them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

OPENING = {"initialize", "server/discover", "notifications/initialized"}
HOLDING_S = 10.0
_SETTLING_S = 0.5


@dataclass(frozen=True, slots=True)
class Request:
    """What the lab has sent; ``message`` is empty for a request without a body."""

    method: str
    headers: Mapping[str, str]
    message: Mapping[str, Any]


Behaviour = Callable[[Request, asyncio.StreamWriter], Awaitable[None]]


@dataclass(slots=True)
class Peer:
    """A server under way."""

    url: str = ""
    requests: list[Request] = field(default_factory=list)
    called: asyncio.Event = field(default_factory=asyncio.Event)
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    def asked(self, method: str) -> list[Request]:
        """The requests of one JSON-RPC method."""
        return [r for r in self.requests if r.message.get("method") == method]


@asynccontextmanager
async def peer(behave: Behaviour, tls: ssl.SSLContext | None = None) -> AsyncIterator[Peer]:
    """Serve every connection by ``behave``, and close it.

    ``called`` is set when a tool was called, ``ended`` when a connection was dropped by the lab.
    """
    found = Peer()
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ours: list[asyncio.Future[Any]] = []
        try:
            request = await _request(reader)
            found.requests.append(request)
            if request.message.get("method") == "tools/call":
                found.called.set()
            ours += [asyncio.create_task(_act(behave, request, writer)), asyncio.create_task(reader.read(1))]
            await asyncio.wait(ours, return_when=asyncio.FIRST_COMPLETED)
            if not ours[0].done():
                found.ended.set()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            for one in ours:
                one.cancel()
            await asyncio.gather(*ours, return_exceptions=True)
            writer.close()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(serve(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=tls)
    found.url = f"http{'s' if tls else ''}://127.0.0.1:{server.sockets[0].getsockname()[1]}/mcp"
    try:
        yield found
    finally:
        server.close()
        if tasks:
            await asyncio.wait(tasks, timeout=_SETTLING_S)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()


async def _act(behave: Behaviour, request: Request, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        await behave(request, writer)
        await writer.drain()


async def _request(reader: asyncio.StreamReader) -> Request:
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    first, *lines = head.rstrip("\r\n").split("\r\n")
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return Request(first.split()[0], headers, json.loads(body) if body else {})


def response(body: bytes | str = b"", status: int = 200, **headers: str) -> bytes:
    """A whole HTTP response; underscores in names of headers stand for hyphens."""
    raw = body.encode() if isinstance(body, str) else body
    found = {"content-type": "application/json", "content-length": str(len(raw))}
    found.update({name.replace("_", "-"): value for name, value in headers.items()})
    lines = "".join(f"{name}: {value}\r\n" for name, value in found.items())
    return f"HTTP/1.1 {status} X\r\n{lines}\r\n".encode("latin-1") + raw


STREAM_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
STREAM_END = b"0\r\n\r\n"


def chunk(raw: bytes) -> bytes:
    """One chunk of a chunked body."""
    return b"%x\r\n%s\r\n" % (len(raw), raw)


def event(message: Mapping[str, Any]) -> bytes:
    """A message as a server-sent event, in a chunk of its own."""
    return chunk(b"event: message\r\ndata: " + json.dumps(message).encode() + b"\r\n\r\n")


def result(id_: Any, **found: Any) -> dict[str, Any]:
    """A response."""
    return {"jsonrpc": "2.0", "id": id_, "result": found}


def error(id_: Any, code: int, message: str) -> dict[str, Any]:
    """An error response."""
    return {"jsonrpc": "2.0", "id": id_, "error": {"code": code, "message": message}}


def opened(request: Request) -> bytes:
    """The answer of a server in order to what opens a conversation, in either era."""
    id_ = request.message.get("id")
    if request.message["method"] == "server/discover":
        return response(json.dumps(result(id_, supportedVersions=["2026-07-28"], capabilities={})))
    if request.message["method"] == "initialize":
        answer = result(id_, protocolVersion=request.message["params"]["protocolVersion"], capabilities={})
        return response(json.dumps(answer), mcp_session_id="session-1")
    return response(status=202)


def after_opening(behave: Behaviour) -> Behaviour:
    """A server that opens properly, and then behaves like this; leaving it is answered too."""

    async def both(request: Request, writer: asyncio.StreamWriter) -> None:
        if request.message.get("method") in OPENING:
            writer.write(opened(request))
        elif request.method == "DELETE":
            writer.write(response())
        else:
            await behave(request, writer)

    return both


def sends(*parts: bytes) -> Behaviour:
    """Send these bytes, and close."""

    async def behave(_request: Request, writer: asyncio.StreamWriter) -> None:
        writer.writelines(parts)

    return behave


def answers(make: Callable[[Any], Mapping[str, Any]], status: int = 200) -> Behaviour:
    """Answer by the JSON that ``make`` makes of the request's id."""

    async def behave(request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(response(json.dumps(make(request.message.get("id"))), status))

    return behave


def streams(*make: Callable[[Any], Mapping[str, Any]]) -> Behaviour:
    """Answer by a stream of the events that ``make`` makes of the request's id."""

    async def behave(request: Request, writer: asyncio.StreamWriter) -> None:
        writer.writelines([STREAM_HEAD, *(event(m(request.message.get("id"))) for m in make), STREAM_END])

    return behave


def begins(*parts: bytes) -> Behaviour:
    """Send these bytes, and then nothing for longer than any test takes."""

    async def behave(_request: Request, writer: asyncio.StreamWriter) -> None:
        writer.writelines(parts)
        await writer.drain()
        await asyncio.sleep(HOLDING_S)

    return behave


def repeats(head: bytes, part: bytes) -> Behaviour:
    """Send ``head``, and ``part`` again and again until the lab goes away."""

    async def behave(_request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(head)
        while True:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(0)  # the lab lives in this loop too, and drain goes on while there is room

    return behave


async def resets(_request: Request, writer: asyncio.StreamWriter) -> None:
    """Reset the connection, without an answer."""
    connection = writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
