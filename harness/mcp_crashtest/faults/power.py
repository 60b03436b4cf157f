"""Power loss: the server is killed, and what it had not synced is lost before it is started again.

A kill keeps the page cache: it can never show a missing fsync. What was written is recorded as it is written, and the
store is made anew from that. The ledger stays as it is: what it shows has left the machine.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from mcp_crashtest.faults.process import struck
from mcp_crashtest.model.faults import Fault
from mcp_crashtest.model.proof import Proof
from mcp_crashtest.stage.stage import Stage
from mcp_crashtest.subjects.syscalls.stores import NotFollowed


@asynccontextmanager
async def power_loss(stage: Stage, fault: Fault) -> AsyncIterator[Proof | None]:
    """SIGKILL of the server's whole group; then its store is what the cut has left, and it is started again."""
    async with struck(stage, fault, lambda proof: _lost(stage, fault, proof)) as proof:
        yield proof


def _lost(stage: Stage, fault: Fault, proof: Proof) -> Proof:
    assert fault.loss is not None
    try:
        return replace(proof, reason=f"{proof.reason}; {stage.site.cut_power(fault.loss)}")
    except NotFollowed as error:
        return replace(proof, confirmed=False, reason=str(error))
