"""Old and new at once: a planned restart that does not wait for the old life's end, as rolling updates do.

The listening socket is the lab's, so that both lives can accept on it. Over stdio a host that was restarted does not
even tell the old life: both of its pipes are closed. A server that does not start beside its old life
is started again behind it: that is no flaw. One that has ended before the new life was there was alone all the time.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from mcp_crashtest.faults.process import ENDED_BEFORE, did_the_rest, finished, restarted_nothing, wound_down
from mcp_crashtest.model.faults import Fault
from mcp_crashtest.model.proof import Proof
from mcp_crashtest.stage.stage import Stage
from mcp_crashtest.subjects.life import Life


@asynccontextmanager
async def overlap(stage: Stage, fault: Fault) -> AsyncIterator[Proof | None]:
    """The old life is told, by SIGTERM or by the end of its pipes, and the new one is started at once.

    The old one has its grace to end.
    """
    old, began, had_finished = stage.server, time.monotonic(), finished(stage)
    async with stage.striking(fault.victim):
        told = old is not None and await _told(stage, old)
        stage.let_go()
    if old is None or not told:
        yield ENDED_BEFORE
        return
    await stage.boot()
    new = stage.lives[-1]
    new.expected_to_end = True  # it may refuse to live beside the old one
    alone, nothing_left = old.exited is not None, did_the_rest(stage, had_finished)
    proof = await wound_down(old, began)
    said = "before the new life was there" if alone else f"{proof.elapsed_s:.2f} s later, beside the new life"
    proof = replace(proof, reason=f"{proof.reason}, {said}")
    yield restarted_nothing(proof) if nothing_left else proof
    if new.exited is None:
        new.expected_to_end = False
    await stage.revive(fault.victim)


async def _told(stage: Stage, old: Life) -> bool:
    if stage.site.piped:
        return await old.to_be_told() and await stage.client.hang_up(politely=False)
    return await old.terminate()
