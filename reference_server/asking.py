"""What every request needs: the engine that it asks, and refusals in the words of the protocol."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import mcp_types as mt
from fastmcp import Context
from fastmcp.exceptions import ToolError
from mcp.shared.exceptions import MCPError

from reference_server.engine import Engine
from reference_server.errors import Refusal

ENGINE = "engine"


def engine_of(ctx: Context) -> Engine:
    """The engine of the server that this request has come to."""
    engine: Engine = ctx.lifespan_context[ENGINE]
    return engine


@contextmanager
def refusing() -> Iterator[None]:
    """Within a tool: a refusal is the tool's error, word for word."""
    try:
        yield
    except Refusal as error:
        raise ToolError(str(error)) from None


def not_found(message: str) -> MCPError:
    """Within a resource: there is no such thing."""
    return MCPError(code=mt.INVALID_PARAMS, message=message)


def submission(kind: str, client_id: str, parameters: dict[str, Any]) -> str:
    """The same for the same request of the same client."""
    text = json.dumps([kind, client_id, parameters], sort_keys=True)
    return hashlib.sha256(text.encode("utf-8", errors="surrogatepass")).hexdigest()
