"""The server that clients see: tools and resources around one engine, which starts and stops with it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastmcp import FastMCP

from reference_server import resources
from reference_server.asking import ENGINE
from reference_server.engine import Engine
from reference_server.tools import control, durable, processing

NAME = "mcp-crashtest reference server"
_PROVIDERS = (processing.provider, durable.provider, control.provider, resources.provider)


def build(engine: Engine) -> FastMCP[Any]:
    """The server around this engine."""

    @asynccontextmanager
    async def lifespan(_: FastMCP[Any]) -> AsyncIterator[dict[str, Engine]]:
        await engine.start()
        try:
            yield {ENGINE: engine}
        finally:
            await engine.stop()

    mcp: FastMCP[Any] = FastMCP(NAME, lifespan=lifespan, mask_error_details=True)
    for provider in _PROVIDERS:
        mcp.add_provider(provider)
    return mcp
