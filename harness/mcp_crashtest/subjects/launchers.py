"""Commands that start something and end: whom they leave behind, and where he listens. Said at the first start."""

from __future__ import annotations

import asyncio
import time

from mcp_crashtest.subjects.life import Life
from mcp_crashtest.subjects.proc import ports_of
from mcp_crashtest.subjects.process import named

_LISTENING_S = 5.0
_POLL_S = 0.02


async def left_behind(life: Life) -> str | None:
    """What to say of a life that has ended and has left somebody behind; None where it has not, or lasts."""
    if life.exited is None:
        return None
    remains = await life.left(0.0)
    alive = remains.inside or remains.outside
    if not alive:
        return None
    ports = await _ports([pid for pid, _ in alive])
    where = f"listens on port {', '.join(map(str, ports))}" if ports else "listens on no port yet"
    return (
        f"your command started something and ended, with {life.exited}: {named(alive)} is alive, and {where}. The lab "
        f"kills and restarts what it has started itself: let the command last as long as the server (no '&' behind it; "
        f"'exec' in a script; no option that makes a daemon of it)"
    )


async def _ports(pids: list[int]) -> list[int]:
    """Where they listen; they get a while to begin with it."""
    deadline = time.monotonic() + _LISTENING_S
    while True:
        found = sorted({port for pid in pids for port in ports_of(pid)})
        if found or time.monotonic() > deadline:
            return found
        await asyncio.sleep(_POLL_S)
