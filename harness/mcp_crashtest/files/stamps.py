"""When the lab saw how many lines in a ledger: the subject's clock is not asked.

The kernel tells when the file has grown (inotify), and then its new bytes are counted, never parsed. A line was there
at the latest when it was seen. Whatever the subject does with the file, a look is bounded and opens nothing that could
block.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

_MODIFY, _CREATE, _MOVED_TO = 0x2, 0x100, 0x80  # of <sys/inotify.h>
_CHUNK_BYTES, _MOST_BYTES = 1 << 16, 1 << 26
_MOST_STAMPS = 512
_WITHOUT_NOTICE_S = 0.02
_C = ctypes.CDLL(None, use_errno=True)


@dataclass(slots=True)
class Stamps:
    """One ledger's. ``lines`` is how many it has had at the latest look, None while there is none.

    ``seen`` has how many there were and when, in order; of a long run the latest in each of many spans of time.
    """

    path: Path
    lines: int | None = None
    seen: list[tuple[int, float]] = field(default_factory=list)
    _read: int = 0
    _inode: int = 0

    def look(self, at: float) -> None:
        """Count what has come since the last look; it is ``at`` this time."""
        try:
            file = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            return
        try:
            if stat.S_ISREG(os.fstat(file).st_mode):
                self._count(file, at)
        finally:
            os.close(file)

    def _count(self, file: int, at: float) -> None:
        known = os.fstat(file)
        if known.st_size < self._read or known.st_ino != self._inode:  # another file, or it was emptied
            self._read, self._inode, self.lines = 0, known.st_ino, 0
            self.seen.clear()
        ends_at = min(known.st_size, self._read + _MOST_BYTES)
        new = 0
        while self._read < ends_at and (chunk := os.pread(file, _CHUNK_BYTES, self._read)):
            self._read += len(chunk)
            new += chunk.count(b"\n")
        if new:
            self.lines = (self.lines or 0) + new
            self.seen.append((self.lines, at))
            if len(self.seen) >= 2 * _MOST_STAMPS:
                self.seen = _thinned(self.seen)

    @contextmanager
    def changes(self) -> Iterator[asyncio.Event]:
        """An event that is set whenever the ledger may have grown, on the running loop."""
        changed, loop = asyncio.Event(), asyncio.get_running_loop()
        changed.set()
        notices = _begin_notices()
        if notices < 0:  # a system has only so many
            with _now_and_then(changed):
                yield changed
            return

        def heard() -> None:
            with contextlib.suppress(OSError):
                os.read(notices, _CHUNK_BYTES)
            _C.inotify_add_watch(notices, os.fsencode(self.path), _MODIFY)  # it may be there only now
            changed.set()

        try:
            _C.inotify_add_watch(notices, os.fsencode(self.path.parent), _CREATE | _MOVED_TO)
            _C.inotify_add_watch(notices, os.fsencode(self.path), _MODIFY)
            loop.add_reader(notices, heard)
            yield changed
        finally:
            loop.remove_reader(notices)
            os.close(notices)


def _thinned(seen: list[tuple[int, float]]) -> list[tuple[int, float]]:
    """The latest stamp of each of as many spans of equal length as there may be stamps."""
    began_at = seen[0][1]
    span_s = (seen[-1][1] - began_at) / _MOST_STAMPS or 1.0
    return list({int((at - began_at) / span_s): (lines, at) for lines, at in seen}.values())


def _begin_notices() -> int:
    """A descriptor at which the kernel tells of changes; negative where it has no more of them."""
    return int(_C.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC))


@contextmanager
def _now_and_then(changed: asyncio.Event) -> Iterator[None]:
    async def tick() -> None:
        while True:
            await asyncio.sleep(_WITHOUT_NOTICE_S)
            changed.set()

    ticking = asyncio.create_task(tick())
    try:
        yield
    finally:
        ticking.cancel()
