"""Which processes work on a store, and whether they live: a lock that the kernel takes back, and a pulse.

Each worker holds a lock on a file of its own beside the store. A lock that can be had says that its worker is dead,
at once, however it died. A worker that lives but stands still is known by its pulse, the system's monotonic clock in
that file: its tasks are taken over, and the store's epochs see to it that it writes nothing when it goes on.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

PULSE_S = 1.0
STILL_S = 5.0


class LockedFiles:
    """See Workers in ``database``: those of one SQLite file."""

    def __init__(self, store: Path) -> None:
        self._folder = store.with_name(f"{store.name}-workers")
        self._folder.mkdir(mode=0o700, exist_ok=True)
        self.me = secrets.token_hex(8)
        self._descriptor = os.open(self._folder / self.me, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)
        self._stood_still = 0
        self._beat_at = time.monotonic()
        self.beat()

    def beat(self) -> None:
        """Show that this worker goes on."""
        self._stood_still, self._beat_at = self.term(), time.monotonic()
        os.pwrite(self._descriptor, f"{self._beat_at:020.6f}".encode(), 0)

    def term(self) -> int:
        """Another number than before, once this worker has stood still for so long that it may have been replaced.

        What it claimed in an earlier term may be somebody else's: it must not go on with it before it has asked.
        """
        return self._stood_still + (time.monotonic() - self._beat_at >= STILL_S)

    def others(self) -> list[str]:
        """The other workers that live and go on. Files of the dead are removed."""
        return [path.name for path in self._folder.iterdir() if path.name != self.me and self._goes_on(path)]

    def _goes_on(self, path: Path) -> bool:
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return time.monotonic() - _pulse(descriptor) < STILL_S
        else:
            with suppress(FileNotFoundError):
                path.unlink()
            return False
        finally:
            os.close(descriptor)

    def listen(self, _: Callable[[str], None]) -> None:
        """See Workers: nobody tells, and who wants to know looks."""

    def close(self) -> None:
        """This worker works no more."""
        with suppress(FileNotFoundError):
            (self._folder / self.me).unlink()
        os.close(self._descriptor)


def _pulse(descriptor: int) -> float:
    try:
        return float(os.pread(descriptor, 32, 0))
    except ValueError:  # it has locked its file, and not yet written to it
        return time.monotonic()
