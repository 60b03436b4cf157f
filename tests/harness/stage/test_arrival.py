"""Arriving at coordinates, on a stage without processes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio

from mcp_crashtest.model.coordinates import (
    KINDS_OF_COORDINATES,
    Batch,
    Coordinate,
    During,
    Moment,
    Phase,
    Since,
    Syscall,
    Window,
    WindowName,
)
from mcp_crashtest.model.plan import Plan
from mcp_crashtest.stage.arrival import ARRIVALS, arrive
from mcp_crashtest.subjects.process import Exit
from tests.harness.stage.scripted import Scripted, scripted


@pytest_asyncio.fixture
async def made(tmp_path: Path) -> AsyncGenerator[Scripted, None]:
    scene = scripted(Plan("s", "p", ()), tmp_path)
    await scene.stage.begin()
    scene.client.began_at = time.monotonic()
    yield scene
    await scene.stage.end()


async def arrives(made: Scripted, at: Coordinate, then: Callable[[], object]) -> bool:
    """Whether nobody has arrived before this happens, and what came of it after."""
    waiting = asyncio.create_task(arrive(made.stage, at))
    await asyncio.sleep(0.02)
    assert not waiting.done()
    then()
    made.stage.stir()
    return await waiting


def test_all_kinds_of_coordinates_can_be_waited_for() -> None:
    assert set(KINDS_OF_COORDINATES.values()) == set(ARRIVALS)


@pytest.mark.asyncio
async def test_a_batch_is_observed_when_a_client_has_seen_it_done(made: Scripted) -> None:
    assert await arrives(made, Batch(2, Phase.OBSERVED), lambda: made.client.sees(4))


@pytest.mark.asyncio
@pytest.mark.parametrize("at", [Batch(2, Phase.ACKNOWLEDGED), Syscall("call", 3)])
async def test_at_a_crash_point_and_before_a_system_call_the_server_parks(made: Scripted, at: Batch | Syscall) -> None:
    assert await arrives(made, at, made.site.lives[0].park)


@pytest.mark.asyncio
async def test_before_a_system_call_it_may_be_a_worker_whose_stop_nobody_hears_of(made: Scripted) -> None:
    assert await arrives(made, Syscall("call", 3), lambda: setattr(made.site, "call", {"call": 3}))


@pytest.mark.asyncio
async def test_within_a_batch_a_share_of_its_time_has_gone_by_since_the_one_before_was_seen(made: Scripted) -> None:
    began = time.monotonic()
    assert await arrives(made, Batch(2, thousandths=500), lambda: made.client.sees(2))
    assert time.monotonic() - began >= 0.02 + 0.05  # seen after 0.02 s, and half of a batch of 0.1 s


@pytest.mark.asyncio
@pytest.mark.parametrize("at", [Batch(2, Phase.OBSERVED), Batch(3, thousandths=0)])
async def test_batches_that_nobody_sees_pass_are_counted_from_the_submission(made: Scripted, at: Batch) -> None:
    """A call that says nothing until it is done: two of its batches are over 0.2 s behind its submission."""
    made.stage.pace = replace(made.stage.pace, shown=False)
    began = time.monotonic()
    assert await arrives(made, at, lambda: setattr(made.client, "submitted_at", time.monotonic()))
    assert 0.2 <= time.monotonic() - began < 2


@pytest.mark.asyncio
async def test_a_window_is_reached_when_the_client_is_there(made: Scripted) -> None:
    assert await arrives(made, Window(WindowName.ASKING), lambda: setattr(made.client, "reached", True))


@pytest.mark.asyncio
@pytest.mark.parametrize("since", [since for since in Since if since is not Since.BOOT])
async def test_a_moment_is_a_share_of_the_undisturbed_time(made: Scripted, since: Since) -> None:
    began = made.client.began_at
    spoke_at = time.monotonic() + 0.05
    arrived = arrives(made, Moment(500, since), lambda: setattr(made.client, "spoke_at", spoke_at))
    assert await arrived
    elapsed_s = time.monotonic() - (spoke_at if since is Since.FIRST_WORD else began)
    assert elapsed_s >= 0.15


@pytest.mark.asyncio
async def test_a_moment_of_a_start_is_a_share_of_what_the_first_start_took(made: Scripted) -> None:
    made.stage.chronicle.first_start_s = 0.3
    made.stage.booted_at = time.monotonic()
    assert await arrives(made, Moment(500, Since.BOOT), lambda: None)
    assert time.monotonic() - made.stage.booted_at >= 0.15


@pytest.mark.asyncio
async def test_during_a_fault_a_dead_client_is_started_and_meets_it(made: Scripted) -> None:
    assert made.client.life
    made.client.life.end(Exit(signal=9))
    made.log.clear()
    assert await arrive(made.stage, During(1))
    assert made.log == ["start client 2", "the client meets a closed door"]


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "at",
    [
        Batch(2, Phase.OBSERVED),
        Batch(2, Phase.ACKNOWLEDGED),
        Batch(2, thousandths=900),
        Window(WindowName.ANSWERED),
        Moment(900_000),
        Moment(900_000, Since.FIRST_WORD),
    ],
    ids=str,
)
async def test_nobody_arrives_once_the_run_is_over(made: Scripted, at: Coordinate) -> None:
    assert not await arrives(made, at, made.client.finish)
