"""Faults on the link between a server and its service: cut, slow, or half open; then it is whole again.

The service itself lives on, and so do those who reach it directly. While the link fails, and for a while behind that,
errors are nobody's fault, as with a service that is dead.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from mcp_crashtest.model.faults import CUT, LINKS, SLOW, Fault
from mcp_crashtest.model.proof import Proof
from mcp_crashtest.stage.stage import Stage

_DELAY_MS = 50.0


@asynccontextmanager
async def failing(stage: Stage, fault: Fault) -> AsyncIterator[Proof | None]:
    """Have the link fail as the fault's kind says, until it is healed. The proof: so many connections were on it."""
    assert fault.service
    link, began = stage.site.services[fault.service - 1].link, time.monotonic()
    assert link, "a plan without a link is refused beforehand"
    delay_s = fault.settings.get("delay_ms", _DELAY_MS) / 1000
    how = link.cut() if fault.kind == CUT else link.slow(delay_s) if fault.kind == SLOW else link.silent()
    stage.outage.begin()
    try:
        async with how as connections:
            said = f"{connections} connections: {LINKS[fault.kind]}" if connections else "nobody was connected"
            yield Proof(connections > 0, said, 0, time.monotonic() - began)
    finally:
        stage.outage.end()
        stage.stir()
