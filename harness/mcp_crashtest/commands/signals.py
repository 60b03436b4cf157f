"""SIGTERM and Ctrl-C take the same way out: what is running is ended, what was shown is said, and nothing is left.

A shell starts what it runs in the background with Ctrl-C ignored; here it is not.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType


@dataclass(slots=True)
class Endings:
    """Which signals have come."""

    terminated: bool = False

    def on_sigterm(self, _number: int, frame: FrameType | None) -> None:
        """Go the way of Ctrl-C, whoever handles that at the moment."""
        self.terminated = True
        handler = signal.getsignal(signal.SIGINT)
        if not callable(handler):
            raise KeyboardInterrupt
        handler(signal.SIGINT, frame)


@contextmanager
def endings() -> Iterator[Endings]:
    """Listen to both; behind it, when the exit code is known, neither can leave a traceback."""
    found = Endings()
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, found.on_sigterm)
    try:
        yield found
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.SIG_DFL)
