"""Whoever waits for a processor does not stand still: the bound of silence is as much longer."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from mcp_crashtest.model.operation import History, Op
from mcp_crashtest.model.plan import Plan
from mcp_crashtest.subjects.proc import starved_s
from tests.harness.stage.scripted import ScriptedSite, scripted

BUSY = "import os; os.sched_setaffinity(0, {int(CPU)})\nwhile True: pass"


async def ended(folder: Path, meanwhile: Callable[[ScriptedSite], object]) -> History:
    """A run in which nothing moves; so much happens before its bound of silence is over."""
    scene = scripted(Plan("s", "p", ()), folder, silence_s=0.2)
    await scene.stage.begin()
    waiting = asyncio.create_task(scene.stage.until(lambda: False))
    await asyncio.sleep(0.05)
    meanwhile(scene.site)
    await waiting
    return await scene.stage.end()


def silent_s(history: History) -> float:
    """For how long nothing had moved when the run was given up."""
    [end] = history.of(Op.END)
    assert end.value["reason"] == "stalled"
    return float(end.value["silent_s"])


@pytest.mark.asyncio
async def test_a_server_that_has_waited_for_a_processor_is_given_that_time(tmp_path: Path) -> None:
    def starve(site: ScriptedSite) -> None:
        site.lives[0].starved_s = 0.4

    history = await ended(tmp_path, starve)
    assert silent_s(history) >= 0.6
    [end] = history.of(Op.END)
    assert end.value["starved_s"] == 0.4


@pytest.mark.asyncio
async def test_what_it_waits_in_all_that_time_counts_too_but_no_trifle(tmp_path: Path) -> None:
    def starve(site: ScriptedSite) -> None:
        loop = asyncio.get_running_loop()
        for after_s, waited_s in ((0.0, 0.15), (0.2, 0.3), (0.4, 0.35)):
            loop.call_later(after_s, setattr, site.lives[0], "starved_s", waited_s)

    assert silent_s(await ended(tmp_path, starve)) >= 0.5


@pytest.mark.asyncio
async def test_one_that_stands_still_with_processors_free_is_given_no_more(tmp_path: Path) -> None:
    history = await ended(tmp_path, lambda _: None)
    assert silent_s(history) >= 0.2
    [end] = history.of(Op.END)
    assert end.value["starved_s"] == 0


@pytest.mark.asyncio
async def test_while_the_lab_itself_starts_a_server_nobody_stands_still(tmp_path: Path) -> None:
    """A start that takes longer than the bound of silence, on a machine that has much else to do."""
    scene = scripted(Plan("s", "p", ()), tmp_path, silence_s=0.2)
    await scene.stage.begin()
    scene.site.starting_s = 0.6
    waiting = asyncio.create_task(scene.stage.until(lambda: False))
    await scene.stage.boot()
    assert scene.stage.ended is None
    await waiting
    history = await scene.stage.end()
    assert silent_s(history) >= 0.2
    assert [o.life for o in history.of(Op.BOOT)] == [1, 2]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")
def test_two_on_one_processor_wait_for_each_other_and_one_that_sleeps_for_nobody() -> None:
    cpu = str(min(os.sched_getaffinity(0)))
    commands = [[sys.executable, "-c", BUSY.replace("CPU", cpu)]] * 2 + [["sleep", "60"]]
    running = [subprocess.Popen(command, process_group=0) for command in commands]
    try:
        until = time.monotonic() + 30
        while min(starved_s([busy.pid]) for busy in running[:2]) < 0.2 and time.monotonic() < until:
            time.sleep(0.02)
        waited = [starved_s([process.pid]) for process in running]
        assert min(waited[:2]) >= 0.2
        assert starved_s(process.pid for process in running[:2]) >= max(waited)
        assert waited[2] < 0.2
    finally:
        for process in running:
            process.send_signal(signal.SIGKILL)
            process.wait()
    assert starved_s([running[0].pid]) == 0


@pytest.mark.asyncio
async def test_what_the_lab_needs_to_start_a_life_is_no_silence_of_the_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = scripted(Plan("s", "p", ()), tmp_path, silence_s=0.2)
    monkeypatch.setattr(scene.client, "saw", lambda _: False)  # a boot alone moves nothing
    await scene.stage.begin()
    scene.site.starting_s = 0.5
    await scene.stage.boot()
    asyncio.get_running_loop().call_later(0.05, scene.client.sees, 1.0)
    assert await scene.stage.until(lambda: scene.client.done == 1.0)
    await scene.stage.end()
