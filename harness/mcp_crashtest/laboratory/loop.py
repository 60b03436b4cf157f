"""The event loop of a laboratory, in which a Ctrl-C is never lost.

asyncio turns Ctrl-C into the cancellation of the task that it runs. Whoever awaits something that is over in the same
moment may go on as if nothing had been said (asyncio.wait_for does until Python 3.12, bpo-37658), and the session
would run to its end. So it is written down that it came: what is running is cancelled once, and behind it, or at the
next moment at which there is nothing half done, KeyboardInterrupt is raised.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Coroutine
from types import FrameType
from typing import Any, TypeVar

T = TypeVar("T")


class Loop:
    """Runs coroutines, one behind the other, in one event loop."""

    def __init__(self) -> None:
        self._runner = asyncio.Runner()
        self._told = False

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """What it returns. Raises KeyboardInterrupt where Ctrl-C came meanwhile, else what it raises."""
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # else asyncio leaves it to whoever has it
            coroutine = self._watched(coroutine)
        try:
            return self._runner.run(coroutine)
        finally:
            told, self._told = self._told, False
            if told:
                raise KeyboardInterrupt

    def between_runs(self) -> None:
        """Nothing is half done here: whoever was cancelled and has not noticed goes no further."""
        if self._told:
            raise asyncio.CancelledError

    def close(self) -> None:
        """End the event loop."""
        self._runner.close()

    async def _watched(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """It, with a handler around that of asyncio, which is put back behind it."""
        its = signal.getsignal(signal.SIGINT)
        if not callable(its) or its is signal.default_int_handler:  # not in the main thread
            return await coroutine

        def noted(number: int, frame: FrameType | None) -> None:
            self._told = True
            its(number, frame)

        signal.signal(signal.SIGINT, noted)
        try:
            return await coroutine
        finally:
            signal.signal(signal.SIGINT, its)
