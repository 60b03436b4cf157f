"""What tests of sessions say and hear."""

from __future__ import annotations

from typing import Any

import pytest

from mcp_crashtest.wire import session
from mcp_crashtest.wire.session import Session
from tests.harness.wire.peers import (
    result,
)

MODERN, LEGACY = "2026-07-28", "2025-11-25"
ERAS = pytest.mark.parametrize("protocol", [MODERN, LEGACY])
AMPLE_S = 5.0
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"


def told(id_: Any, **found: Any) -> dict[str, Any]:
    return result(id_, content=[{"type": "text", "text": "done"}], **found)


async def call(url: str, protocol: str, deadline_s: float = AMPLE_S, **callbacks: Any) -> session.ToolReply:
    opened = await Session.open(url, protocol=protocol, deadline_s=AMPLE_S)
    return await opened.call_tool("t", {}, deadline_s=deadline_s, **callbacks)


def progress(token: Any, **params: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "method": "notifications/progress", "params": {"progressToken": token, **params}}
