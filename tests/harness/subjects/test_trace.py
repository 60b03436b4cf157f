"""What a life leaves: when it was told to end, when it was reaped, and what it used, also behind a launcher."""

from __future__ import annotations

import signal
import sys
import time

import pytest

from mcp_crashtest.subjects.proc import counts_writes
from mcp_crashtest.subjects.trace import Trace
from tests.harness.subjects.launching import DEADLINE_S, Launching

MIB = 1 << 20
HUNGRY = """
    import os, time
    held = bytearray(os.urandom(1)) * (60 << 20)
    del held
    with open("written", "wb") as file:
        file.write(os.urandom(4 << 20))
        os.fsync(file.fileno())
    print("done", flush=True)
    time.sleep(60)
"""
MODEST = 'print("done", flush=True); import time; time.sleep(60)'


@pytest.mark.asyncio
@pytest.mark.parametrize("behind_a_shell", [False, True], ids=["direct", "behind a shell"])
async def test_a_life_that_was_killed_tells_when_and_what_it_had_used(
    launching: Launching, behind_a_shell: bool
) -> None:
    script = launching.script(HUNGRY)
    words = ("sh", "-c", f"{sys.executable} {script}; true") if behind_a_shell else (sys.executable, script)
    process = await launching.start(*words)
    await launching.written()
    before = time.monotonic()
    assert (await process.kill()).confirmed
    trace = process.trace
    assert trace.signalled_at is not None
    assert trace.reaped_at is not None
    assert trace.stopped_at is not None
    assert before <= trace.stopped_at <= trace.signalled_at <= trace.reaped_at <= time.monotonic()
    assert trace.memory_bytes is not None
    assert 60 * MIB < trace.memory_bytes < 200 * MIB  # what it has given back by now counts
    if counts_writes():
        assert trace.written_bytes is not None
        assert 4 * MIB <= trace.written_bytes < 16 * MIB


@pytest.mark.asyncio
async def test_a_modest_life_has_used_little(launching: Launching) -> None:
    process = await launching.python(launching.script(MODEST))
    await launching.written()
    assert (await process.kill()).confirmed
    assert process.trace.memory_bytes is not None
    assert MIB < process.trace.memory_bytes < 60 * MIB
    assert (process.trace.written_bytes or 0) < MIB


@pytest.mark.asyncio
async def test_a_life_that_ended_by_itself_was_told_nothing_and_was_reaped(launching: Launching) -> None:
    process = await launching.python(launching.script("print('done')"))
    before = time.monotonic()
    await process.wait_exit(DEADLINE_S)
    assert process.trace.signalled_at is None
    assert process.trace.reaped_at is not None
    assert process.trace.reaped_at <= time.monotonic()
    assert before - DEADLINE_S < process.trace.reaped_at
    assert (process.trace.memory_bytes or 0) > MIB


@pytest.mark.asyncio
async def test_to_stand_still_and_to_go_on_is_not_to_be_told_to_end(launching: Launching) -> None:
    process = await launching.python(launching.script(MODEST), warm=True)
    await launching.written()
    assert await process.signal_group(signal.SIGSTOP)
    assert await process.signal_group(signal.SIGCONT)
    told_before = process.trace.signalled_at
    assert process.trace.stopped_at is None
    assert process.signal(signal.SIGTERM)
    await process.wait_exit(DEADLINE_S)
    assert told_before is None
    assert (process.trace.signalled_at or 0) > 0
    assert (process.trace.signalled_at or 0) <= (process.trace.reaped_at or 0)


def test_of_two_looks_the_more_counts() -> None:
    trace = Trace()
    trace.used(5, None)
    trace.used(3, 7)
    trace.used(None, 2)
    assert (trace.memory_bytes, trace.written_bytes) == (5, 7)
