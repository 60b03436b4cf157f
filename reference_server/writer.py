"""The one thread that writes: whatever waits when it is free is one transaction, and one flush of the disk.

With one task that is a transaction a batch; with a hundred tasks their batches share it ("group commit"). Nobody is
told that something was written before it is on the disk.
"""

from __future__ import annotations

import queue
import sqlite3
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reference_server.errors import Refusal, Superseded
from reference_server.store import Store

_MOST_GROUPED = 256

Done = Callable[[Any, BaseException | None], None]


@dataclass(frozen=True, slots=True)
class Request:
    """``ask`` the store within a transaction, then tell ``done`` what came of it, in the writer's thread.

    ``alone``: in a transaction of its own.
    """

    ask: Callable[[Store], Any]
    done: Done
    alone: bool = False


class Writer:
    """The writer of one store. ``close`` writes what waits, and ends."""

    def __init__(self, path: Path) -> None:
        self._store = Store(path)
        self._waiting: queue.SimpleQueue[Request | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="store-writer", daemon=True)
        self._thread.start()

    def submit(self, ask: Callable[[Store], Any], done: Done, *, alone: bool = False) -> None:
        """Have something written; returns at once."""
        self._waiting.put(Request(ask, done, alone))

    def close(self, deadline_s: float) -> None:
        """Write what waits; gives up after the deadline, and leaves the rest unwritten."""
        self._waiting.put(None)
        self._thread.join(deadline_s)

    def _run(self) -> None:
        held: Request | None = None
        while True:
            first = held or self._waiting.get()
            held = None
            if first is None:
                break
            group = [first]
            while not first.alone and len(group) < _MOST_GROUPED and not self._waiting.empty():
                following = self._waiting.get()
                if following is None or following.alone:
                    held = following
                    if following is None:
                        self._waiting.put(None)
                    break
                group.append(following)
            self._write(group)
        self._store.close()

    def _write(self, group: list[Request]) -> None:
        outcomes: list[tuple[Any, BaseException | None]] = []
        try:
            with self._store.transaction():
                for request in group:
                    outcomes.append(self._ask(request, whole=len(group) == 1))
        except (sqlite3.Error, OSError) as error:
            if len(group) > 1:  # each by itself: one that cannot be written must not take the others with it
                for request in group:
                    self._write([request])
                return
            outcomes = [(None, error)]
        except BaseException as error:
            outcomes = [(None, error)]
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
