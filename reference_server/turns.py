"""Turns: worker threads take what is ready in turn, whichever task it is of, and write what they have left.

Between two turns a task waits behind all others that are ready, so none is starved. How many take turns is bounded:
who comes later waits until another has left. What a turn leaves with the writer is written by the worker itself: at
once where nobody else is ready, else when enough has gathered for one flush of the disk.
"""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

from reference_server.writer import Writer

_WORKERS = 2
_GATHERED, _GATHERING_S = 64, 0.002  # how much waits for a flush while other tasks are ready, and how long
_MOST_INTERLEAVED = 256

T = TypeVar("T")


class _Mine(threading.local, Generic[T]):
    """What a thread knows of itself: whether it is a worker, and what it goes on with."""

    works = False
    next: T | None = None

    def take(self) -> T | None:
        """What to go on with, once."""
        taken, self.next = self.next, None
        return taken


class Turns(Generic[T]):
    """The turns of all who have entered. ``take`` is called in a worker thread when it is somebody's turn."""

    def __init__(self, writer: Writer, take: Callable[[T], None]) -> None:
        self._writer = writer
        self._take = take
        self._loop = asyncio.get_running_loop()
        self._ready: queue.SimpleQueue[T | None] = queue.SimpleQueue()
        self._waiting: deque[T] = deque()
        self._resting: dict[T, asyncio.TimerHandle] = {}
        self._interleaved = 0
        self._lock = threading.Lock()
        self._mine: _Mine[T] = _Mine()
        self.stopping = False
        self._threads = [threading.Thread(target=self._work, name=f"worker-{n}", daemon=True) for n in range(_WORKERS)]

    def start(self) -> None:
        """Start the worker threads."""
        for thread in self._threads:
            thread.start()

    def enter(self, one: T) -> None:
        """Have turns from now on, or as soon as there is room."""
        with self._lock:
            if self._interleaved >= _MOST_INTERLEAVED:
                self._waiting.append(one)
                return
            self._interleaved += 1
        self._ready.put(one)

    def leave(self) -> None:
        """Have no further turn: there is room for another."""
        with self._lock:
            following = self._waiting.popleft() if self._waiting else None
            if following is None:
                self._interleaved -= 1
        if following is not None:
            self._ready.put(following)

    def again(self, one: T) -> None:
        """Have a turn when all who are ready have had theirs; if there are none, this thread goes on with it."""
        if self._mine.works and self._mine.next is None and self._ready.empty():
            self._mine.next = one
        else:
            self._ready.put(one)

    def rest(self, one: T, rest_s: float) -> None:
        """Have a turn after a rest."""
        self._loop.call_soon_threadsafe(self._rest, one, rest_s)

    def _rest(self, one: T, rest_s: float) -> None:
        def over() -> None:
            del self._resting[one]
            self._ready.put(one)

        self._resting[one] = self._loop.call_later(0 if self.stopping else rest_s, over)

    def request_stop(self) -> None:
        """Nobody rests any longer. To be called in the event loop."""
        self.stopping = True
        for one, timer in list(self._resting.items()):
            timer.cancel()
            del self._resting[one]
            self._ready.put(one)

    def close(self) -> None:
        """End the worker threads; those that are in the middle of something end when it is over."""
        for _ in self._threads:
            self._ready.put(None)

    def _work(self) -> None:
        self._mine.works, written_at = True, time.monotonic()
        while (one := self._mine.take() or self._ready.get()) is not None:
            self._take(one)
            if self._ready.empty() or self._writer.waiting >= _GATHERED or time.monotonic() - written_at > _GATHERING_S:
                self._writer.write_all()
                written_at = time.monotonic()
