"""Faults on what a server needs: a database or a broker is killed, alone or with its server, and comes back.

The service is back before the server is: that is how they are started. A server that had ended meanwhile by itself is
started once more by the stage.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from mcp_crashtest.faults import process
from mcp_crashtest.faults.absence import ServerAway
from mcp_crashtest.model.errors import HarnessError, SubjectError
from mcp_crashtest.model.faults import Fault
from mcp_crashtest.model.proof import Proof
from mcp_crashtest.stage.stage import Stage


@asynccontextmanager
async def kill(stage: Stage, fault: Fault) -> AsyncIterator[Proof | None]:
    """SIGKILL all victims at once, each with its whole group; then start them again, a service before its server."""
    if fault.service is None:
        async with process.kill(stage, fault) as proof:
            yield proof
        return
    service, number = stage.site.services[fault.service - 1], stage.landed + 1
    stage.outage.begin()
    async with stage.striking(fault.victim) as victims:
        proof = await process.killed([service, *victims])
    away = ServerAway.begun(stage, number) if fault.victim.hits_server else None
    yield proof
    try:
        await service.restart()
    except SubjectError as error:
        raise HarnessError(f"{service.name} did not come back from its SIGKILL: {error}") from error
    stage.service_is_back(service)
    if away:
        away.ended(stage)
    if fault.victim.hits_server:
        await stage.revive(fault.victim)
