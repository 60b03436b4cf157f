"""The lab's heartbeat sees by how much the lab is late, and how many want the processors."""

from __future__ import annotations

import asyncio
import os
import sys
import time

import pytest

from mcp_crashtest.stage.heartbeat import Heartbeat, wanting


async def beating(heartbeat: Heartbeat, until: int, blocked_s: float = 0.0) -> None:
    """Beat until somebody has looked so often; the loop is blocked once for a while."""
    looked = 0

    def look() -> int:
        nonlocal looked
        looked += 1
        if looked == until:
            seen.set()
        return 6

    seen = asyncio.Event()
    heartbeat.wanting = look
    task = asyncio.create_task(heartbeat.beat())
    await asyncio.sleep(0)
    time.sleep(blocked_s)  # noqa: ASYNC251 - it is what is measured
    await asyncio.wait_for(seen.wait(), 30)
    task.cancel()


@pytest.mark.asyncio
async def test_a_loop_that_is_blocked_is_late() -> None:
    heartbeat = Heartbeat()
    await beating(heartbeat, 1, blocked_s=0.5)
    assert heartbeat.late_s > 0.4


@pytest.mark.asyncio
async def test_the_crowd_is_how_many_want_each_processor_on_average() -> None:
    heartbeat = Heartbeat()
    assert heartbeat.crowd == 0.0
    await beating(heartbeat, 2)
    assert heartbeat.crowd == pytest.approx(6 / (os.cpu_count() or 1))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")
def test_we_who_ask_want_to_run() -> None:
    assert wanting() >= 1
