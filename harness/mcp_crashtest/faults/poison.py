"""A job that cannot be done, asked for beside the one that can: it raises, ends its process, or never returns.

Whoever takes jobs from others meets such ones. The server may end of it, once or a few times; it is started again, and
has to find its way out: the other jobs go on.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from mcp_crashtest.model.faults import POISON, Fault
from mcp_crashtest.model.proof import Proof
from mcp_crashtest.stage.stage import Stage


@asynccontextmanager
async def poison(stage: Stage, _fault: Fault) -> AsyncIterator[Proof | None]:
    """Ask for it, and wait for no answer: there may be none."""
    stage.outage.begin()
    yield await stage.client.operate(POISON)
    stage.outage.end()
    stage.stir()
