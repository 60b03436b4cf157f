"""The event loop of a laboratory, in which a Ctrl-C is never lost.

asyncio turns Ctrl-C into the cancellation of the task that it runs. Whoever awaits something that is over in the same
moment may go on as if nothing had been said (asyncio.wait_for does until Python 3.12, bpo-37658), and the session
would run to its end. So it is written down that it came: what is running is cancelled once, and behind it, or at the
next moment at which there is nothing half done, KeyboardInterrupt is raised.
"""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, TypeVar

T = TypeVar("T")
_Handler = Callable[[int, FrameType | None], Any]


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Ctrl-C is heard behind what is done here, which is short.

    Where it is another's code it may swallow KeyboardInterrupt: Hypothesis is called by the garbage collector, which
    drops what is raised there.
    """
    heard: list[int] = []
    if (before := _handler()) is None:
        yield
        return
    signal.signal(signal.SIGINT, lambda number, _frame: heard.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        if heard:
            before(heard[0], None)


def _handler() -> _Handler | None:
    """Who hears a Ctrl-C; None where that is nobody, or none of this thread's business."""
    found = signal.getsignal(signal.SIGINT)
    return found if callable(found) and threading.current_thread() is threading.main_thread() else None


class Loop:
    """Runs coroutines, one behind the other, in one event loop."""

    def __init__(self) -> None:
        self._runner = asyncio.Runner()
        self._told = False

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """What it returns. Raises KeyboardInterrupt where Ctrl-C came meanwhile, else what it raises."""
        if (handler := _handler()) is not None:
            coroutine = self._watched(coroutine, handler)
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

    async def _watched(self, coroutine: Coroutine[Any, Any, T], handler: _Handler) -> T:
        """It, cancelled by the first Ctrl-C for which this handler raises KeyboardInterrupt; the second one is raised.

        asyncio's own handler, which is there where this one is Python's, is out of the way meanwhile.
        """
        task, loop, aside = asyncio.current_task(), asyncio.get_running_loop(), signal.getsignal(signal.SIGINT)

        def noted(number: int, frame: FrameType | None) -> None:
            try:
                handler(number, frame)
            except KeyboardInterrupt:
                if self._told or task is None:
                    raise
                self._told = True
                task.cancel()
                loop.call_soon_threadsafe(lambda: None)  # where it waits for events it is woken up

        signal.signal(signal.SIGINT, noted)
        try:
            return await coroutine
        finally:
            signal.signal(signal.SIGINT, aside)
