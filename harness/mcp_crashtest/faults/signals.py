"""Other signals than SIGKILL and SIGTERM: Ctrl-C, a terminal that is closed, a fault in memory.

They go to the whole group, as from a terminal. Where the server ends it is started again, at once or later: one that
winds down takes its time. One that goes on, as it may upon SIGHUP, goes on with its job.
"""

from __future__ import annotations

import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from mcp_crashtest.faults.absence import ServerAway
from mcp_crashtest.faults.process import ENDED_BEFORE, did_the_rest, finished, restarted_nothing, traced
from mcp_crashtest.model.faults import Fault, Victim
from mcp_crashtest.model.proof import GOES_ON, Proof
from mcp_crashtest.stage.stage import Stage
from mcp_crashtest.subjects.life import Life, signalled
from mcp_crashtest.subjects.process import INSIDE, OUTSIDE

_NOTICING_S = 2.0
_GRACE_S = 10.0


@asynccontextmanager
async def told(stage: Stage, fault: Fault) -> AsyncIterator[Proof | None]:
    """Send the signal by which the fault is called, and see what comes of it."""
    life, number, began, had_finished = stage.server, stage.landed + 1, time.monotonic(), finished(stage)
    name = fault.kind.upper()
    async with stage.striking(fault.victim):
        sent = life is not None and await signalled(life, signal.Signals[name])
        stage.let_go()
        if life and sent:
            await _noticed(stage, life)
    if life is None or not sent:
        yield ENDED_BEFORE
        return
    if life.exited is None:
        stage.watch(_started_again_later(stage, life, fault.victim))
        yield Proof(True, f"{name} was sent; {GOES_ON}", 0, time.monotonic() - began, signalled_at=began)
        return
    proof = traced(await _ended(life, name, began), [life], began)
    away = ServerAway.begun(stage, number)
    yield restarted_nothing(proof) if did_the_rest(stage, had_finished) else proof
    away.ended(stage)
    await stage.revive(fault.victim)


async def _noticed(stage: Stage, life: Life) -> None:
    """It has time to end. Whoever waits for it sees its end as any other event of the run."""
    until = time.monotonic() + _NOTICING_S
    await stage.until(lambda: life.exited is not None or time.monotonic() >= until, until)


async def _ended(life: Life, name: str, began: float) -> Proof:
    """All of its own have to go with it; who heeds the signal otherwise is killed, as nobody serves any more."""
    said = f"{name} was sent, and it ended with {life.exited}"
    remains = await life.left(_NOTICING_S)
    if remains.inside:
        said = f"{said}; others of its group went on, and were killed"
        remains = await life.left(_GRACE_S, kill=(INSIDE,))
    if remains.outside and life.everybody:
        remains = await life.left(_GRACE_S, kill=(OUTSIDE,))
    refuted = remains.said(name)
    return replace(Proof(not refuted, refuted or said), elapsed_s=time.monotonic() - began)


async def _started_again_later(stage: Stage, life: Life, victim: Victim) -> None:
    """Somebody winds down for longer: he is started again once he has ended."""
    await life.wait_exit(stage.limits.total_s)
    if stage.server is None and not stage.over:
        await stage.revive(victim)
