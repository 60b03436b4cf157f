"""The server that clients see: tools and resources around one engine, which starts and stops with it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastmcp import FastMCP
from fastmcp.server.auth.auth import AuthProvider
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from reference_server import resources
from reference_server.engine import Engine
from reference_server.errors import Refusal
from reference_server.extension import Tasks
from reference_server.notifications import add_notifications
from reference_server.requests import ENGINE
from reference_server.tools import control, durable, processing

NAME = "mcp-crashtest reference server"
_READY_S = 5.0
PROVIDERS = [processing.provider, durable.provider, control.provider, resources.provider]


def build(engine: Engine, users: AuthProvider | None = None) -> FastMCP[Any]:
    """The server around this engine; without ``users`` whoever reaches it is its one user."""

    @asynccontextmanager
    async def lifespan(_: FastMCP[Any]) -> AsyncIterator[dict[str, Engine]]:
        await engine.start()
        try:
            yield {ENGINE: engine}
        finally:
            await engine.stop()

    mcp: FastMCP[Any] = FastMCP(NAME, lifespan=lifespan, mask_error_details=True, auth=users)
    for provider in PROVIDERS:
        mcp.add_provider(provider)
    mcp.add_extension(Tasks(engine))
    add_notifications(mcp, engine)
    _add_health(mcp, engine)
    return mcp


def _add_health(mcp: FastMCP[Any], engine: Engine) -> None:
    """Routes for an orchestrator, without a token: does it run, and can it do its work?"""

    @mcp.custom_route("/healthz", methods=["GET"])
    async def healthz(_: Request) -> Response:
        return JSONResponse({"status": "ok"})

    @mcp.custom_route("/readyz", methods=["GET"])
    async def readyz(_: Request) -> Response:
        try:
            async with asyncio.timeout(_READY_S):
                await engine.write(lambda store: store.check_writable())
        except (Refusal, TimeoutError) as error:
            return JSONResponse({"status": "not ready", "reason": str(error) or "the store is slow"}, status_code=503)
        return JSONResponse({"status": "ready"})
