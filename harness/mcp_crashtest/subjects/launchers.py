"""Commands that start something and end: whom they leave behind, and where he listens. Said at the first start."""

from __future__ import annotations

import asyncio
import time

from mcp_crashtest.subjects.life import Life
from mcp_crashtest.subjects.proc import ports_of
from mcp_crashtest.subjects.process import named

_POLL_S = 0.05


async def left_behind(life: Life, deadline: float) -> str | None:
    """What to say of a life that has ended and has left somebody behind; None where it has not, or lasts.

    He gets until the deadline, a time of the monotonic clock, to begin to listen somewhere.
    """
    while life.exited is not None:
        remains = await life.left(0.0)
        alive = remains.inside or remains.outside
        ports = sorted({port for pid, _ in alive for port in ports_of(pid)})
        if not alive:
            return None
        if ports or time.monotonic() > deadline:
            where = f"listens on port {', '.join(map(str, ports))}" if ports else "listens on no port"
            return (
                f"your command started something and ended, with {life.exited}: {named(alive)} is alive and {where}. "
                f"The lab kills and restarts what it has started itself: let the command last as long as the server "
                f"(no '&' behind it; 'exec' in a script; no option that makes a daemon of it)"
            )
        await asyncio.sleep(_POLL_S)
    return None
