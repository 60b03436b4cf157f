"""Arriving at a coordinate: one row a kind. What a plan says in relative terms is resolved here, when it is played."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any

from mcp_crashtest.model.coordinates import Batch, Coordinate, During, Moment, Since, Syscall, Window
from mcp_crashtest.stage.stage import Stage

_THOUSAND = 1000
_SHORTEST_WHILE_S = 0.3
_ASKING_S = 0.02


async def _batch(stage: Stage, at: Batch) -> bool:
    """A crash point, at which the server parks itself; else a client has seen the batch done, or is on its way."""
    if at.parks:
        return await stage.until(lambda: stage.server is not None and stage.server.parked)
    whole = at.number if at.thousandths is None else at.number - 1
    if not stage.pace.shown and len(stage.lives) <= 1:
        return await _counted(stage, whole + (at.thousandths or 0) / _THOUSAND)
    mark = whole * stage.site.workload.batch
    if not await stage.until(lambda: stage.client.passed(mark)):
        return False
    if at.thousandths is None:
        return True
    return await stage.until_time(time.monotonic() + at.thousandths / _THOUSAND * stage.pace.batch_s)


async def _syscall(stage: Stage, at: Syscall) -> bool:
    """A system call, before which somebody of the server stands still, or that has failed.

    He may be no child of the process that was started, and in no group of it: whoever counts is asked now and then.
    One whose call has failed may have ended before anybody has asked: that is forgiven from now on.
    """
    if at.fails is not None:
        stage.outage.begin()
        stage.outage.tells_failure = True
    while not stage.site.call if at.fails else not (stage.server and (stage.server.parked or stage.site.call)):
        if not await stage.until_time(time.monotonic() + _ASKING_S):
            return bool(at.fails and stage.site.call)  # what comes of a call that fails may be the end of the run
    return True


async def _counted(stage: Stage, batches: float) -> bool:
    """Where batches are not seen to pass, or pass faster than one can look, their time is counted from the start."""
    if not await stage.until(lambda: stage.client.submitted_at is not None):
        return False
    assert stage.client.submitted_at is not None
    return await stage.until_time(stage.client.submitted_at + batches * stage.pace.batch_s)


async def _window(stage: Stage, _at: Window) -> bool:
    """A window of the conversation, which the client was told to hold."""
    return await stage.until(lambda: stage.client.reached)


async def _moment(stage: Stage, at: Moment) -> bool:
    """A share of the undisturbed time, from the client's start or first word, or from now.

    What lasts from now on lasts for a while also where the whole job is over in a moment.
    """
    after_s = at.thousandths / _THOUSAND * stage.pace.undisturbed_s
    began_at: float | None = stage.client.began_at
    if at.since is Since.FAULT:
        began_at = time.monotonic()
        after_s = max(after_s, _SHORTEST_WHILE_S) if at.thousandths else 0.0
    elif at.since is Since.BOOT:
        began_at = stage.booted_at
        after_s = at.thousandths / _THOUSAND * stage.chronicle.first_start_s
    elif at.since is Since.FIRST_WORD:
        if not await stage.until(lambda: stage.client.spoke_at is not None):
            return False
        began_at = stage.client.spoke_at
    assert began_at is not None
    return await stage.until_time(began_at + after_s)


async def _during(stage: Stage, _at: During) -> bool:
    """The plan's steps see to it that the other fault lasts: a client that is dead is started, and meets it."""
    if not stage.client.living and not stage.over:
        await stage.client.start()
    await stage.client.endure()
    return not stage.over


ARRIVALS: dict[type[Coordinate], Callable[[Stage, Any], Awaitable[bool]]] = {
    Batch: _batch,
    Window: _window,
    Moment: _moment,
    During: _during,
    Syscall: _syscall,
}


async def arrive(stage: Stage, at: Coordinate) -> bool:
    """Wait for a coordinate; False when the run is over before, however."""
    return await ARRIVALS[type(at)](stage, at)
