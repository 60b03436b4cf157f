"""Warming FastMCP up: one request of each protocol era, served in memory, fills the caches that the first call fills.
A line of its log, written nowhere, and what it has uvicorn serve with, cost the more in each start where they are new.

It runs in the fork server before anything is forked, and leaves no thread, socket or file behind. Importing this
module imports FastMCP.
"""

from __future__ import annotations

import asyncio
import io
import json
import logging
import logging.config
from contextlib import suppress
from typing import Any

import uvicorn
from fastmcp import Context, FastMCP
from uvicorn.config import WS_PROTOCOLS

_CLIENT = {"name": "warm-up", "version": "0"}
_META = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": _CLIENT,
    "io.modelcontextprotocol/clientCapabilities": {},
}
_WEBSOCKETS = "websockets-sansio"  # which FastMCP has uvicorn load, wherever it starts it itself
_STATELESS = {"mcp-protocol-version": "2026-07-28"}


def warm_up_fastmcp() -> None:
    """Serve a tool call, a resource and a handshake to nobody; nothing is said where FastMCP refuses."""
    mcp: FastMCP[Any] = FastMCP("warm-up")

    @mcp.tool
    async def work(text: str, count: int, ctx: Context) -> dict[str, Any]:
        """Do some work.

        text: a text. count: a number.
        """
        await ctx.report_progress(count, count, text)
        return {"text": text, "count": count}

    @mcp.resource("warm://{name}", mime_type="application/json")
    async def resource(name: str) -> str:
        """A resource."""
        return json.dumps({"name": name})

    logging.disable(logging.CRITICAL)
    try:
        asyncio.run(_serve(mcp.http_app()))
    finally:
        logging.disable(logging.NOTSET)
    with suppress(ImportError):
        _log()


def _log() -> None:
    """A line as FastMCP logs it. That goes to no logger: the subject may set its own up in any way."""
    from rich.console import Console
    from rich.logging import RichHandler

    RichHandler(console=Console(file=io.StringIO())).handle(logging.makeLogRecord({"msg": "warm-up"}))


async def _serve(app: Any) -> None:
    websockets: Any = _WEBSOCKETS if _WEBSOCKETS in WS_PROTOCOLS else "none"
    config = uvicorn.Config(app, ws=websockets, log_config=None)  # it is to leave no logger changed behind
    config.load()
    uvicorn.Server(config)
    async with app.lifespan(app):
        await _post(app, "server/discover", {}, {})
        await _post(app, "tools/list", {}, {})
        called = {"name": "work", "arguments": {"text": "warm", "count": 1}}
        await _post(app, "tools/call", called, {"mcp-name": "work"}, {"progressToken": "warm"})
        await _post(app, "resources/read", {"uri": "warm://up"}, {"mcp-name": "warm://up"})
        await _handshake(app)


async def _handshake(app: Any) -> None:
    asked = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": _CLIENT}
    start = await _send(app, {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": asked}, {})
    headers = {name.decode(): value.decode() for name, value in start.get("headers", ())}
    session = {"mcp-session-id": headers.get("mcp-session-id", ""), "mcp-protocol-version": "2025-11-25"}
    await _send(app, {"jsonrpc": "2.0", "method": "notifications/initialized"}, session)
    called = {"name": "work", "arguments": {"text": "warm", "count": 1}, "_meta": {"progressToken": "warm"}}
    await _send(app, {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": called}, session)


async def _post(
    app: Any, method: str, params: dict[str, Any], headers: dict[str, str], meta: dict[str, Any] | None = None
) -> None:
    filled = {**params, "_meta": {**(meta or {}), **_META}}
    message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": filled}
    await _send(app, message, {**_STATELESS, "mcp-method": method, **headers})


async def _send(app: Any, message: dict[str, Any], headers: dict[str, str]) -> dict[str, Any]:
    body = json.dumps(message).encode()
    given = {
        "host": "127.0.0.1:1",
        "accept": "application/json, text/event-stream",
        "content-type": "application/json",
        **headers,
    }
    unread = [{"type": "http.request", "body": body, "more_body": False}]
    started: dict[str, Any] = {}

    async def receive() -> dict[str, Any]:
        if unread:
            return unread.pop()
        await asyncio.Event().wait()
        raise AssertionError

    async def send(event: dict[str, Any]) -> None:
        if event["type"] == "http.response.start":
            started.update(event)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": "/mcp",
        "raw_path": b"/mcp",
        "query_string": b"",
        "root_path": "",
        "headers": [(name.encode(), value.encode()) for name, value in given.items()],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 1),
        "state": {},
    }
    await app(scope, receive, send)
    return started
