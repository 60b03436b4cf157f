"""A laboratory's event loop loses no Ctrl-C, whoever is waiting for what at that moment."""

from __future__ import annotations

import asyncio
import gc
import signal
from collections.abc import Callable, Coroutine, Iterator
from contextlib import suppress
from typing import Any

import pytest

from mcp_crashtest.laboratory.loop import Loop, uninterrupted

LATER_S = 5.0


async def interrupted() -> None:
    signal.raise_signal(signal.SIGINT)
    await asyncio.sleep(LATER_S)


async def deaf() -> str:
    """It goes on as if nothing had been said, as one does to whom an answer came in the same moment."""
    with suppress(asyncio.CancelledError):
        await interrupted()
    return "done"


async def broken() -> None:
    with suppress(asyncio.CancelledError):
        await interrupted()
    raise ValueError("what was cut off has failed")


@pytest.fixture(autouse=True)
def pythons_own_handler() -> Iterator[None]:
    """A command that was tried in this process has left the system's, by which a signal ends the process."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def loop() -> Iterator[Loop]:
    loop = Loop()
    yield loop
    loop.close()


@pytest.mark.parametrize("work", [interrupted, deaf, broken])
def test_behind_ctrl_c_nothing_goes_on(loop: Loop, work: Callable[[], Coroutine[Any, Any, object]]) -> None:
    with pytest.raises(KeyboardInterrupt):
        loop.run(work())
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert loop.run(asyncio.sleep(0, "as ever")) == "as ever"


def test_who_has_not_noticed_goes_no_further_than_to_the_next_run(loop: Loop) -> None:
    begun = []

    async def lane() -> None:
        for number in range(3):
            loop.between_runs()
            begun.append(number)
            await deaf()

    async def lanes() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(lane())

    with pytest.raises(KeyboardInterrupt):
        loop.run(lanes())
    assert begun == [0]


def test_who_calls_code_that_would_swallow_it_hears_of_it_behind() -> None:
    collected: list[str] = []

    def swallowed(phase: str, _info: object) -> None:
        """What it raises is dropped by the garbage collector."""
        if not collected:
            signal.raise_signal(signal.SIGINT)
        collected.append(phase)

    def collect() -> None:
        with uninterrupted():
            gc.callbacks.append(swallowed)
            try:
                gc.collect()
            finally:
                gc.callbacks.remove(swallowed)
            collected.append("to its end")

    with pytest.raises(KeyboardInterrupt):
        collect()
    assert collected[-1] == "to its end"
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_where_somebody_else_handles_ctrl_c_he_goes_on_to(loop: Loop) -> None:
    heard = []
    before = signal.signal(signal.SIGINT, lambda number, _frame: heard.append(number))
    try:
        assert loop.run(raised()) == "done"
    finally:
        signal.signal(signal.SIGINT, before)
    assert heard == [signal.SIGINT]


async def raised() -> str:
    signal.raise_signal(signal.SIGINT)
    await asyncio.sleep(0)
    return "done"
