"""A server that means no good: it answers somebody else, for ever, or with more than anybody can hold.

What a tool does says its argument ``how``, one of ``HABITS``. ``keyed`` knows an idempotency key, ``plain`` does not;
``linked`` answers with a task's resource, and the resource does what ``how`` says. At /silent nobody is greeted, and
the answers at each of ``PATHS`` are large. It speaks the handshake era in plain ASGI, because no library would let it
say such things.
"""

from __future__ import annotations

import asyncio
import json
import zlib
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import uvicorn

from tests.reference_client.other_server import Serving

PIECE = b"x" * (1 << 20)
PIECES = 1 << 10
FITS = "y" * (15 << 20)
PAUSE_S = 0.01
Send = Callable[[dict[str, Any]], Any]
JSON, EVENTS = b"application/json", b"text/event-stream"


def event(body: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(body).encode() + b"\n\n"


def notification(method: str, **params: Any) -> bytes:
    return event({"jsonrpc": "2.0", "method": f"notifications/{method}", "params": params})


async def for_ever(piece: Callable[[int], bytes]) -> AsyncIterator[bytes]:
    """A piece each moment, for ever: the client is never left in silence."""
    number = 0
    while True:
        yield piece(number)
        number += 1
        await asyncio.sleep(PAUSE_S)


async def large(before: bytes, piece: bytes = PIECE, after: bytes = b"") -> AsyncIterator[bytes]:
    """More than anybody can hold: a gigabyte, if it is taken."""
    yield before
    for _ in range(PIECES):
        yield piece
    yield after


async def bomb() -> AsyncIterator[bytes]:
    """The same gigabyte, small on the wire."""
    packing = zlib.compressobj(1, wbits=31)
    async for piece in large(b'{"result": "'):
        yield packing.compress(piece)


async def whole(body: Any) -> AsyncIterator[bytes]:
    yield json.dumps(body).encode()


async def fitting(number: Any) -> AsyncIterator[bytes]:
    """As much as an event may hold, nearly, and harmless."""
    yield event(response(number, {"content": [{"type": "text", "text": FITS}]}))


def response(number: Any, result: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": number, "result": result}


HABITS: dict[str, tuple[bytes, Callable[[Any, Any], AsyncIterator[bytes]]]] = {
    "somebody-else": (JSON, lambda number, _: whole(response(f"not {number}", {"content": []}))),
    "comments": (EVENTS, lambda *_: for_ever(lambda _: b": still here\n\n")),
    "logs": (EVENTS, lambda *_: for_ever(lambda n: notification("message", level="info", data=f"entry {n}"))),
    "progress": (
        EVENTS,
        lambda _, token: for_ever(lambda n: notification("progress", progressToken=token, progress=n)),
    ),
    "fitting": (EVENTS, lambda number, _: fitting(number)),
    "large-body": (JSON, lambda *_: large(b'{"result": "')),
    "large-bomb": (JSON, lambda *_: bomb()),
    "large-event": (EVENTS, lambda *_: large(b"", b"data: " + PIECE + b"\n")),
    "large-line": (EVENTS, lambda *_: large(b": ")),
}


PATHS: dict[str, tuple[int, list[tuple[bytes, bytes]]]] = {
    "/farewell": (200, [(b"content-type", EVENTS)]),
    "/moved": (307, [(b"location", b"/mcp"), (b"content-type", EVENTS)]),
    "/accepted": (202, [(b"content-type", JSON)]),
    "/broken": (500, [(b"content-type", JSON)]),
}


def tools() -> list[dict[str, Any]]:
    how = {"how": {"type": "string"}}
    key = {"idempotency_key": {"type": "string"}}
    schemas = {"plain": how, "keyed": how | key, "linked": how | key}
    return [{"name": name, "inputSchema": {"type": "object", "properties": held}} for name, held in schemas.items()]


def answer(asked: dict[str, Any]) -> tuple[bytes, AsyncIterator[bytes]]:
    """The content type, and the body."""
    number, params = asked["id"], asked.get("params") or {}
    match asked["method"]:
        case "initialize":
            told = {"protocolVersion": "2025-06-18", "capabilities": {"tools": {}, "resources": {}}}
            return JSON, whole(response(number, told | {"serverInfo": {"name": "hostile", "version": "1"}}))
        case "tools/list":
            return JSON, whole(response(number, {"tools": tools()}))
        case "tools/call" if params["name"] == "linked":
            text = f"task://status/{params['arguments']['how']}"
            return JSON, whole(response(number, {"content": [{"type": "text", "text": text}]}))
        case "tools/call":
            how = params["arguments"]["how"]
        case "resources/read":
            how = params["uri"].rpartition("/")[2]
            if how == "slow":
                text = json.dumps({"status": "running", "poll_interval_ms": 3_600_000})
                return JSON, whole(response(number, {"contents": [{"uri": params["uri"], "text": text}]}))
        case method:
            error = {"code": -32601, "message": f"no {method}"}
            return JSON, whole({"jsonrpc": "2.0", "id": number, "error": error})
    content_type, body = HABITS[how]
    return content_type, body(number, (params.get("_meta") or {}).get("progressToken"))


async def app(scope: dict[str, Any], receive: Callable[[], Any], send: Send) -> None:
    """One request."""
    if scope["path"] == "/silent":
        while (await receive())["type"] != "http.disconnect":
            pass
        return
    sent = b""
    while True:
        message = await receive()
        sent += message.get("body", b"")
        if not message.get("more_body"):
            break
    asked = json.loads(sent) if sent else {}
    if "id" not in asked and scope["path"] not in PATHS:
        await send({"type": "http.response.start", "status": 202 if sent else 405, "headers": []})
        await send({"type": "http.response.body"})
        return
    if scope["path"] in PATHS:
        status, headers = PATHS[scope["path"]]
        await send_body(receive, send, status, headers, large(b""))
        return
    content_type, body = answer(asked)
    packed = (asked.get("params") or {}).get("arguments", {}).get("how") == "large-bomb"
    headers = [(b"content-type", content_type)] + ([(b"content-encoding", b"gzip")] if packed else [])
    await send_body(receive, send, 200, headers, body)


async def send_body(
    receive: Callable[[], Any], send: Send, status: int, headers: list[tuple[bytes, bytes]], body: AsyncIterator[bytes]
) -> None:
    """Send it to its end, or until nobody listens any more."""
    await send({"type": "http.response.start", "status": status, "headers": headers})
    leaving = asyncio.create_task(receive())
    async for piece in body:
        if leaving.done():
            return
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body"})


def main(arguments: Sequence[str] | None = None) -> int:
    Serving(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error", ws="none", lifespan="off")).run()
    return 0


if __name__ == "__main__":
    main()
