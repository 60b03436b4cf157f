"""A FastMCP server with a tool for each thing that can happen: ``python -m tests.harness.wire.server PORT``."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from typing import Any

import mcp_types
import uvicorn
from fastmcp import Context, FastMCP
from fastmcp.exceptions import ToolError
from fastmcp.tools.base import ToolResult

mcp: FastMCP[Any] = FastMCP("wire-test", version="7")


@mcp.tool
async def count(ctx: Context, to: int) -> dict[str, int]:
    """Count, with progress and a log message a step."""
    for done in range(1, to + 1):
        await ctx.report_progress(done, to, f"zähle {done}")
        await ctx.info(f"step {done}")
    return {"counted": to}


@mcp.tool
async def hang(ctx: Context) -> str:
    """Say that we are there, and never come back."""
    await ctx.report_progress(1, 2)
    await asyncio.Event().wait()
    return "never"


@mcp.tool
async def hush() -> str:
    """Never come back, without a word."""
    await asyncio.Event().wait()
    return "never"


@mcp.tool
async def fail() -> None:
    """Fail."""
    raise ToolError("out of luck")


@mcp.tool(name="größe")
async def size(text: str) -> int:
    """Length of a text."""
    return len(text)


@mcp.tool
async def link() -> ToolResult:
    """Answer by a text and a link to a resource."""
    content = [
        mcp_types.TextContent(type="text", text="see there"),
        mcp_types.ResourceLink(type="resource_link", name="note", uri="note://1"),
    ]
    return ToolResult(content=content)


@mcp.tool
async def sample(ctx: Context) -> str:
    """Ask the client's model."""
    try:
        return str(await ctx.session.create_message(messages=[], max_tokens=1, related_request_id=ctx.request_id))
    except Exception as error:
        return f"refused: {error}"


@mcp.tool
async def whoami(ctx: Context) -> str:
    """What the caller's metadata says."""
    request = ctx.request_context
    return json.dumps(dict(request.meta or {}) if request else {})


@mcp.resource("note://{name}")
def note(name: str) -> str:
    """A note."""
    return f"the note {name}"


@mcp.resource("list://notes")
def notes() -> str:
    """All notes."""
    return "[]"


class Server(uvicorn.Server):
    """Says on which port it listens."""

    async def startup(self, sockets: Any = None) -> None:
        """Start, and say so."""
        await super().startup(sockets=sockets)
        sys.stdout.write(f"{self.servers[0].sockets[0].getsockname()[1]}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: None)
    settings = {"host": "127.0.0.1", "log_level": "warning", "access_log": False, "ws": "none"}
    Server(uvicorn.Config(mcp.http_app(), port=int(sys.argv[1]), **settings)).run()  # type: ignore[arg-type]
