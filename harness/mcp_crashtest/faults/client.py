"""Faults on clients that do not kill them: they leave politely, or lose their connections."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from mcp_crashtest.model.faults import Fault
from mcp_crashtest.model.proof import Proof
from mcp_crashtest.stage.stage import Stage


@asynccontextmanager
async def interrupt(stage: Stage, fault: Fault) -> AsyncIterator[Proof | None]:
    """The client says goodbye, as upon a person's Ctrl-C; then it is started again."""
    yield await stage.client.interrupt()
    await stage.revive(fault.victim)


@asynccontextmanager
async def drop(stage: Stage, _fault: Fault) -> AsyncIterator[Proof | None]:
    """The client loses its connections without a word, and connects again by itself."""
    yield await stage.client.drop()
