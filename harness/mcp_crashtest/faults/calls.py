"""System calls that fail: a full disk, a broken one, a write that is cut short. The kernel's answer is the engine's.

What comes of it is the server's: it tries again, has its job fail and says so, or ends. Where it ends it is started
again, as whoever runs it would do, and its calls come to what they come to.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from mcp_crashtest.model.coordinates import Syscall
from mcp_crashtest.model.faults import Fault
from mcp_crashtest.model.proof import Proof
from mcp_crashtest.stage.stage import Stage


@asynccontextmanager
async def fail(stage: Stage, fault: Fault) -> AsyncIterator[Proof | None]:
    """It has failed when one arrives: the engine has written that down."""
    assert isinstance(fault.at, Syscall)
    call = stage.site.call
    said = f"{call.get('name', 'a call')} came to {fault.at.fails}"
    yield Proof(bool(call), said if call else "no call was seen to fail")
    stage.outage.end()
    stage.stir()
