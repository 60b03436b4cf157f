"""How a host stops its server on stdio: by the specification's order (basic/lifecycle, "Shutdown").

It closes the server's standard input, waits two seconds, as the hosts do that people have, then sends SIGTERM; a server
that lives ten seconds later is killed.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from mcp_crashtest.faults.process import ENDED_BEFORE, told_to_stop, wound_down
from mcp_crashtest.model.faults import Fault
from mcp_crashtest.model.proof import Proof
from mcp_crashtest.stage.stage import Stage
from mcp_crashtest.subjects.life import Life

_PATIENCE_S = 2.0


@asynccontextmanager
async def goodbye(stage: Stage, fault: Fault) -> AsyncIterator[Proof | None]:
    """The host says goodbye to its server, and starts it again."""
    async with told_to_stop(stage, fault, _told) as proof:
        yield proof


async def _told(stage: Stage, life: Life | None) -> Proof:
    """A server that is parked goes on: it is to wind down, not to be frozen."""
    began = time.monotonic()
    if life is None or not await life.to_be_told() or not await stage.client.hang_up(politely=True):
        return ENDED_BEFORE
    stage.let_go()
    try:
        await life.wait_exit(_PATIENCE_S)
    except TimeoutError:
        await life.terminate()
    return await wound_down(life, began)
