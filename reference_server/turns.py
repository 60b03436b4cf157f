"""Turns: worker threads take who is ready, owner by owner, and write what they have left.

Who has had a turn has the next one behind all others who are ready: of one owner in the order in which they came, and
owners take turns (``rota``). Each owner has a bounded number of places, so that what is begun at one time is bounded;
who comes later waits until another of the same owner has left. Who rests has no place, whatever it rests for, and
nobody's number of places depends on what other owners do. What a turn leaves with the writer is written by the worker
itself: at once where nobody else is ready, else when enough has gathered for one flush of the disk.
"""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Generic, TypeVar

from reference_server.rota import Rota
from reference_server.writer import Writer

_WORKERS = 2
_GATHERED, _GATHERING_S = 64, 0.002  # how much waits for a flush while other tasks are ready, and how long
_PLACES = 256  # of each owner

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
    """The turns of all who have entered. ``take`` is called in a worker thread when it is somebody's turn.

    ``owner_of`` says whose place somebody takes; it must always say the same.
    """

    def __init__(self, writer: Writer, take: Callable[[T], None], owner_of: Callable[[T], str]) -> None:
        self._writer = writer
        self._take = take
        self._owner_of = owner_of
        self._loop = asyncio.get_running_loop()
        self._rota: Rota[T] = Rota()
        self._signals: queue.SimpleQueue[bool] = queue.SimpleQueue()  # one for each who is ready; False ends a worker
        self._taken: Counter[str] = Counter()
        self._waiting: dict[str, dict[T, None]] = {}
        self._resting: dict[T, asyncio.TimerHandle | None] = {}
        self._lock = threading.Lock()  # over all of these but the signals
        self._mine: _Mine[T] = _Mine()
        self.stopping = False
        self._threads = [threading.Thread(target=self._work, name=f"worker-{n}", daemon=True) for n in range(_WORKERS)]

    def start(self) -> None:
        """Start the worker threads."""
        for thread in self._threads:
            thread.start()

    def enter(self, one: T) -> None:
        """Have turns from now on, or as soon as this owner has a place."""
        owner = self._owner_of(one)
        with self._lock:
            if self._taken[owner] >= _PLACES:
                self._waiting.setdefault(owner, {})[one] = None
                return
            self._taken[owner] += 1
            self._ready(owner, one)

    def leave(self, one: T) -> None:
        """Have no further turn: there is a place for another of the same owner."""
        with self._lock:
            self._leave(self._owner_of(one))

    def again(self, one: T) -> None:
        """Have a turn when all who are ready have had theirs; if there are none, this thread goes on with it."""
        if self._mine.works and self._mine.next is None and self._signals.empty():
            self._mine.next = one
            return
        with self._lock:
            self._ready(self._owner_of(one), one)

    def rest(self, one: T, rest_s: float) -> None:
        """Leave, and enter again after a rest."""
        with self._lock:
            self._resting[one] = None
            self._leave(self._owner_of(one))
        self._loop.call_soon_threadsafe(self._rest, one, rest_s)

    def withdraw(self, one: T) -> bool:
        """Have no turn any more, for somebody who has no place; False for who has one, or who has left."""
        with self._lock:
            if one in self._resting:
                if timer := self._resting.pop(one):
                    self._loop.call_soon_threadsafe(timer.cancel)
                return True
            owner = self._owner_of(one)
            waiting = self._waiting.get(owner, {})
            if one not in waiting:
                return False
            del waiting[one]
            if not waiting:
                del self._waiting[owner]
            return True

    def resting(self) -> list[T]:
        """Who rests."""
        with self._lock:
            return list(self._resting)

    def request_stop(self) -> None:
        """Nobody rests any longer. To be called in the event loop."""
        self.stopping = True
        with self._lock:
            resting, self._resting = self._resting, {}
        for one, timer in resting.items():
            if timer:
                timer.cancel()
            self.enter(one)

    def close(self) -> None:
        """End the worker threads; those that are in the middle of something end when it is over."""
        for _ in self._threads:
            self._signals.put(False)

    # --- with the lock

    def _ready(self, owner: str, one: T) -> None:
        self._rota.put(owner, one)
        self._signals.put(True)

    def _leave(self, owner: str) -> None:
        if waiting := self._waiting.get(owner):
            following = next(iter(waiting))
            del waiting[following]
            if not waiting:
                del self._waiting[owner]
            self._ready(owner, following)
            return
        self._taken[owner] -= 1
        if not self._taken[owner]:
            del self._taken[owner]

    # --- in the event loop

    def _rest(self, one: T, rest_s: float) -> None:
        with self._lock:
            if one in self._resting:
                self._resting[one] = self._loop.call_later(0 if self.stopping else rest_s, self._rested, one)

    def _rested(self, one: T) -> None:
        with self._lock:
            if one not in self._resting:
                return
            del self._resting[one]
        self.enter(one)

    # --- in a worker thread

    def _work(self) -> None:
        self._mine.works, written_at = True, time.monotonic()
        while (one := self._mine.take() or self._next()) is not None:
            self._take(one)
            if (
                self._signals.empty()
                or self._writer.waiting >= _GATHERED
                or time.monotonic() - written_at > _GATHERING_S
            ):
                self._writer.write_all()
                written_at = time.monotonic()

    def _next(self) -> T | None:
        """Wait until somebody is ready; None when this thread is to end."""
        if not self._signals.get():
            return None
        with self._lock:
            return self._rota.take()
