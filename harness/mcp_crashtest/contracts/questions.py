"""The questions that a client asks about its task: which of them a history needs, and what it says of each.

There are hundreds, and nearly all show nothing new. Written down are those that changed something, the first few of a
connection or behind an answer that was long in coming, the one before an answer that never came, and that one. The
latest of the others stands in a small file, over and over in the same place, from which the lab takes the last question
before a fault, even that of a client that was killed.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from mcp_crashtest.contracts.job import Journal
from mcp_crashtest.model.operation import Op, Type
from mcp_crashtest.model.text import excerpt

_FIRST = 3
_LONG_S, _LONGER = 0.1, 8
_WIDTH = 120

Told = dict[str, Any]
"""A question: ``request`` is its number on the wire, ``asked_at`` and ``answered_at`` are of the monotonic clock."""


@dataclass(slots=True)
class Questions:
    """Those of one client's life. ``notes`` is the path of the small file, empty for none."""

    journal: Journal
    notes: str = ""
    _first: int = _FIRST
    _lost: int = 0
    _latest: Told | None = None
    _usual_s: float = 0.0
    _asked_at: float = 0.0
    _file: int = field(default=-1)

    def connected(self) -> None:
        """What is asked first over a new connection is of interest."""
        self._first, self._latest = _FIRST, None

    def asks(self) -> float:
        """A question is about to be asked; when that is, on the monotonic clock."""
        self._asked_at = time.monotonic()
        return self._asked_at

    @contextmanager
    def answered(self, number: int) -> Iterator[None]:
        """The question of this number is answered: whatever is journalled within belongs to it.

        One that changes nothing is noted.
        """
        now = time.monotonic()
        told = {"request": number, "asked_at": self._asked_at, "answered_at": now}
        took_s, usual_s = now - self._asked_at, self._usual_s
        if took_s > max(_LONG_S, _LONGER * usual_s):
            self._first = _FIRST
        self._usual_s = min(took_s, usual_s) if usual_s else took_s
        before = self.journal.written
        with self.journal.about(told):
            yield
            if self.journal.written == before:
                self._quiet(told)
        self._lost = 0

    def _quiet(self, told: Told) -> None:
        if self._first:
            self._first -= 1
            self.journal.write(Type.OK, Op.POLL)
            self._latest = None
            return
        self._latest = told
        self._note(told)

    def lost(self, number: int, error: Exception) -> None:
        """The answer never came; of questions that get lost one after another the first few are told."""
        if self._lost < _FIRST:
            if self._latest:
                with self.journal.about(self._latest):
                    self.journal.write(Type.OK, Op.POLL)
            with self.journal.about({"request": number, "asked_at": self._asked_at}):
                self.journal.write(Type.INFO, Op.POLL, error=excerpt(error))
        self._lost += 1
        self._latest = None

    def _note(self, told: Told) -> None:
        if not self.notes:
            return
        if self._file < 0:
            self._file = os.open(self.notes, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
        os.pwrite(self._file, json.dumps(told).encode().ljust(_WIDTH), 0)


def latest_note(path: str) -> Told | None:
    """The latest question that a client has noted there; None without one."""
    try:
        with open(path, "rb") as file:  # noqa: PTH123
            told: Told = json.loads(file.read(_WIDTH))
    except (OSError, ValueError):  # it was killed before, or in the midst of it
        return None
    return told
