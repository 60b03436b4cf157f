"""Freezing really happens: a group of two processes stands still, seen from outside, and goes on when it is thawed."""

from __future__ import annotations

import time
from pathlib import Path

import psutil
import pytest

from mcp_crashtest.model.coordinates import Batch, Moment, Phase, Since
from mcp_crashtest.model.faults import Fault, Victim
from mcp_crashtest.model.operation import Op, Type
from mcp_crashtest.model.plan import Plan
from mcp_crashtest.subjects.life import ProcessLife
from tests.harness.laboratory.test_conductor import play
from tests.harness.stage.scripted import scripted
from tests.harness.subjects.launching import Launching, until

# A server with a worker: each writes its heartbeat into a file of its own.
PAIR = """
import os, sys, time
name = "child" if os.fork() == 0 else "parent"
with open(name, "w") as file:
    while True:
        file.write(".")
        file.flush()
        time.sleep(0.001)
"""
FREEZE = Fault("freeze", Victim.SERVER, Batch(1, Phase.OBSERVED), until=Moment(500, Since.FAULT))


def beats(folder: Path) -> tuple[int, int]:
    """How often parent and child have beaten."""
    sizes = [(folder / name).stat().st_size if (folder / name).exists() else 0 for name in ("parent", "child")]
    return sizes[0], sizes[1]


@pytest.mark.asyncio
async def test_a_whole_group_stands_still_and_goes_on(launching: Launching, tmp_path: Path) -> None:
    life = ProcessLife(1, await launching.python(launching.script(PAIR)))
    await until(lambda: min(beats(tmp_path)) > 5, "both have hearts that beat")
    assert await life.freeze()
    family = [psutil.Process(life.pid), *psutil.Process(life.pid).children()]
    assert [process.status() for process in family] == [psutil.STATUS_STOPPED] * 2
    still = beats(tmp_path)
    watched_until = time.monotonic() + 0.1
    await until(lambda: time.monotonic() > watched_until, "a while has gone by")
    assert beats(tmp_path) == still
    assert await life.thaw()
    await until(lambda: min(now - then for now, then in zip(beats(tmp_path), still, strict=True)) > 5, "both beat on")
    assert (await life.kill()).confirmed
    assert not await life.freeze()


@pytest.mark.asyncio
async def test_standing_still_is_not_taken_for_a_crash_point(launching: Launching, tmp_path: Path) -> None:
    life = ProcessLife(1, await launching.python(launching.script(PAIR)))
    await until(lambda: min(beats(tmp_path)) > 5, "both have hearts that beat")
    await life.freeze()
    with pytest.raises(TimeoutError):
        await life.wait_parked(0.1)
    assert not life.parked
    assert (await life.kill()).confirmed


@pytest.mark.asyncio
@pytest.mark.parametrize("escapes", [False, True])
async def test_a_freeze_is_healed_and_counts_only_if_all_stood_still(tmp_path: Path, escapes: bool) -> None:
    made = scripted(Plan("s", "p", (FREEZE,)), tmp_path, escaping=frozenset({1}) if escapes else frozenset())
    history = await play(made, 2)
    [_, landed] = history.of(Op.FAULT)
    assert landed.type is (Type.FAIL if escapes else Type.OK)
    assert [line for line in made.log if "server 1" in line][:2] == ["freeze server 1", "thaw server 1"]
    assert "boot 2" not in made.log
