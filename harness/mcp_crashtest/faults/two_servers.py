"""Two servers on one store: one that stands still and is replaced, and two that are started at once.

Whoever runs servers believes one to be dead that is only slow, and starts another. What the first one does when it goes
on must not count. A server may refuse to live beside another one; then the first one has to go on.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from mcp_crashtest.faults.process import ENDED_BEFORE, killed
from mcp_crashtest.model.faults import Fault, Victim
from mcp_crashtest.model.proof import Proof
from mcp_crashtest.stage.pair import TOOK_OVER, WAITS, Pair, move_client
from mcp_crashtest.stage.stage import OUTPUT, Stage
from mcp_crashtest.subjects.life import Life
from mcp_crashtest.subjects.proc import group_of, locks_others_out

_TRIES, _BETWEEN_TRIES_S = 50, 0.003
_REST_BATCHES, _SHORTEST_REST_S = 2, 0.3


@asynccontextmanager
async def replace_frozen(stage: Stage, fault: Fault) -> AsyncIterator[Proof | None]:
    """Freeze the server, start another one, and let the first go on once so many ``batches`` were done by the other."""
    old, began = stage.server, time.monotonic()
    if old is None or not await _stands_still(old):
        yield ENDED_BEFORE if old is None else Proof(False, "somebody of the group runs on, or it had ended")
        return
    try:
        stage.landed += 1  # the other server does not park where the first one stands
        async with stage.striking(Victim.CLIENT) as victims:
            await killed(victims)
        await stage.client.struck()
        old.expected_to_end = True
        stage.site.change_door()
        await stage.boot()
        pair = Pair(stage, stage.lives[-1], old)
        pair.own.expected_to_end = True
        await stage.client.start()
        pair.begin()  # who is gone by now is so behind the client's start, which would go to his address for good
        said = "the whole group stands still, and another server was started beside it"
        yield Proof(True, said, 0, time.monotonic() - began, stopped_at=began, signalled_at=began)
        if await pair.works(fault.settings.get("batches", 1)):
            pair.note(TOOK_OVER, pair.own)
        elif not pair.refused:
            pair.note(WAITS, pair.own)
    finally:
        await _thaw(old)
    await _behind_the_end(stage)
    if not pair.moved and not pair.refused and pair.own.exited is None and not stage.over:
        pair.change_over()
        await move_client(stage)


async def _stands_still(life: Life) -> bool:
    """Freeze it, but not while it holds the lock of a database, which nobody else could have then; for a few tries."""
    for _ in range(_TRIES):
        if not await life.freeze():
            return False
        if life.parked or not locks_others_out({life.pid, *group_of(life.pid)}):
            return True
        await life.thaw()
        await asyncio.sleep(_BETWEEN_TRIES_S)
    return await life.freeze()


async def _thaw(old: Life) -> None:
    """It goes on, also from a crash point at which it was parked."""
    await old.thaw()
    if old.parked:
        await old.go_on()


async def _behind_the_end(stage: Stage) -> None:
    """Where the other one has done the whole job, the first one has time to do what it would do."""
    if stage.ended != OUTPUT:
        return
    stage.ended = None
    await stage.until_time(time.monotonic() + _rest_s(stage))
    if not stage.over:
        stage.ended = OUTPUT


def _rest_s(stage: Stage) -> float:
    return max(_REST_BATCHES * stage.pace.batch_s, _SHORTEST_REST_S)


@asynccontextmanager
async def start_two(stage: Stage, fault: Fault) -> AsyncIterator[Proof | None]:
    """SIGKILL the server, and start two at once on what it has left; the client speaks to one of them.

    Where that one waits until it is alone, and hears nobody before, the client goes over to the other one.
    """
    async with stage.striking(fault.victim) as victims:
        proof = await killed(victims)
    yield None if stage.ended == OUTPUT else proof
    stage.site.change_door()
    await stage.boot()
    other = stage.lives[-1]
    other.expected_to_end = True
    stage.site.change_door()
    await stage.boot()
    pair = Pair(stage, stage.lives[-1], other)
    pair.begin()
    moved = await pair.works(1)
    if not await pair.answers(_rest_s(stage)):
        pair.change_over()
        await move_client(stage)
    if moved:
        pair.note(TOOK_OVER, pair.own)
