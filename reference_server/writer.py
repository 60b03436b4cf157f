"""Writing: whatever waits when the store is free is one transaction, and one flush of the disk ("group commit").

Workers leave what is to be written here, and one of them writes all that has gathered: with one task that is a
transaction a batch, in the thread that made it; with a hundred tasks their batches share it. The event loop, which
must not wait for a disk, has a thread that writes for it. Nobody is told before it is on the disk.

Another process may hold the store: whatever waits for it waits together, each for so long and no longer.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from reference_server.database import Place
from reference_server.errors import Away, Refusal, Superseded, Unknown
from reference_server.sqlite_terms import primary_code
from reference_server.store import Store

_MOST_GROUPED = 256
_PATIENCE_S = 3.0  # for another process that writes, which takes milliseconds unless it stands still
_LOOK_S = 0.25  # between two looks at who has waited for too long

Done = Callable[[Any, BaseException | None], None]


class Request(NamedTuple):
    """``ask`` the store within a transaction, then tell ``done`` what came of it, in whatever thread writes.

    ``alone``: in a transaction of its own. ``until``: when it has waited for another process for long enough.
    """

    ask: Callable[[Store], Any]
    done: Done
    alone: bool
    until: float


class Writer:
    """The writer of one store. ``close`` writes what waits, and ends."""

    def __init__(self, place: Path | Place) -> None:
        self._store = Store(place, _LOOK_S)
        self._waiting: deque[Request] = deque()
        self._writing = threading.Lock()
        self._wanted = threading.Semaphore(0)
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="store-writer", daemon=True)
        self._thread.start()

    def submit(self, ask: Callable[[Store], Any], done: Done, *, alone: bool = False) -> None:
        """Have something written; returns at once."""
        self.leave(ask, done, alone=alone)
        self._wanted.release()

    def leave(self, ask: Callable[[Store], Any], done: Done, *, alone: bool = False) -> None:
        """Leave something to be written by whoever calls ``write_all`` next: within milliseconds the caller must."""
        self._waiting.append(Request(ask, done, alone, time.monotonic() + _PATIENCE_S))

    @property
    def waiting(self) -> int:
        """How many requests wait to be written."""
        return len(self._waiting)

    def close(self, deadline_s: float) -> None:
        """Write what waits; gives up after the deadline, and leaves the rest unwritten."""
        self._closing = True
        self._wanted.release()
        self._thread.join(deadline_s)

    def _run(self) -> None:
        while not self._closing:
            self._wanted.acquire()
            self.write_all()
        with self._writing:
            self._store.close()

    def write_all(self) -> None:
        """Write until nothing waits; returns at once if somebody else is writing, who then does it."""
        while self._waiting and self._writing.acquire(blocking=False):
            try:
                if self._has_store():
                    self._write(self._group())
            finally:
                self._writing.release()

    def _has_store(self) -> bool:
        """Whether the store is ours, for a transaction that has begun; if not, who has waited for too long is told."""
        try:
            self._store.begin()
        except (sqlite3.Error, OSError) as error:
            patient = isinstance(error, Away) or _is_busy(error)
            while self._waiting and not (patient and time.monotonic() < self._waiting[0].until):
                self._waiting.popleft().done(None, error)
            return False
        return True

    def _group(self) -> list[Request]:
        group: list[Request] = []
        while self._waiting and len(group) < _MOST_GROUPED:
            if self._waiting[0].alone and group:
                break
            group.append(self._waiting.popleft())
            if group[-1].alone:
                break
        return group

    def _write(self, group: list[Request]) -> None:
        """Write a group in the transaction that has begun."""
        outcomes: list[tuple[Any, BaseException | None]] = []
        try:
            with self._store.begun():
                for request in group:
                    outcomes.append(self._ask(request, whole=len(group) == 1))
        except Exception as error:
            if len(group) > 1 and not isinstance(error, Unknown):
                # Each by itself: one that cannot be written must not take the others with it.
                self._waiting.extendleft(request._replace(alone=True) for request in reversed(group))
                return
            outcomes = [(None, error)] * len(group)
        for request, outcome in zip(group, outcomes, strict=True):
            request.done(*outcome)

    def _ask(self, request: Request, *, whole: bool) -> tuple[Any, BaseException | None]:
        """In a group a refusal has changed nothing, and the others go on; alone it undoes the transaction."""
        try:
            return request.ask(self._store), None
        except (Refusal, Superseded) as error:
            if whole:
                raise
            return None, error


def _is_busy(error: Exception) -> bool:
    return isinstance(error, sqlite3.Error) and primary_code(error) == sqlite3.SQLITE_BUSY
