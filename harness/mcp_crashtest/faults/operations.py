"""Operations: no harm, but what a user asks of the server; and the rest behind them, in which silent work shows.

An operation has landed when the server has answered. What an acknowledgement is worth is seen later: a rest is one
batch, for what was under way, then a look at the ledger and the task, and two batches later another one.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from mcp_crashtest.model.faults import Fault
from mcp_crashtest.model.operation import Op, Type
from mcp_crashtest.model.proof import Proof
from mcp_crashtest.stage.stage import AT_REST, LAB, OUTPUT, Stage

_BATCHES, _SHORTEST_S = 2, 0.15
_LIST = "list"
_REST = "resume"  # who is told to go on has rested before


@asynccontextmanager
async def operation(stage: Stage, fault: Fault) -> AsyncIterator[Proof | None]:
    """Ask for what the fault is called by. A task that is to go on has stood still for a while."""
    if fault.kind == _REST:
        await rest(stage)
    yield await stage.client.operate(fault.kind)


async def rest(stage: Stage) -> bool:
    """Whether the task was seen to stand still, as far as it shows; False too where the run is over meanwhile."""
    batch_s = max(stage.pace.batch_s, _SHORTEST_S / _BATCHES)
    await stage.client.look()  # so that the server is up
    if not await stage.until_time(time.monotonic() + batch_s):
        return False
    before = await _look(stage)
    if not await stage.until_time(time.monotonic() + _BATCHES * batch_s):
        return False
    return before == await _look(stage)


async def _look(stage: Stage) -> dict[str, object]:
    shown = {**stage.executions(), **await stage.client.look()}
    stage.write(LAB, Type.OK, Op.WORKED, shown)
    return shown


async def to_the_end(stage: Stage) -> None:
    """Wait for the end of the run. Where a task was told to stop it is rest, unless it works on to another one."""
    if stage.client.halted:
        still = await rest(stage)
        if stage.client.at_rest:
            stage.ended = stage.ended or OUTPUT
        elif still:
            stage.ended = stage.ended or AT_REST
    await stage.until(lambda: False)
    if stage.ended in (OUTPUT, AT_REST) and any(fault.kind == _LIST for fault in stage.plan.faults):
        await stage.client.operate(_LIST)  # an end is listed too
