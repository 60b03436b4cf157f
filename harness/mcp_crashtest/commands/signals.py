"""SIGTERM and Ctrl-C take the same way out: what is running is ended, what was shown is said, and nothing is left.

As long as nothing was started the way is short: a sentence, and the end. An exception would be lost in the midst of an
import, or end in its traceback. A shell starts what it runs in the background with Ctrl-C ignored; here it is not.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

NOTHING_SHOWN = "mcp-crashtest: interrupted before anything was shown; nothing is left running"
_STANDARD_ERROR = 2
_CODE = 128  # and the signal's number, as shells say it


class Endings:
    """Which signals have come. With ``gently`` they raise KeyboardInterrupt from then on.

    ``heard``: one has come. What is raised in the midst of another's code may be dropped: where the garbage collector
    has called that, it is. Whoever begins something looks here before.
    """

    def __init__(self) -> None:
        self.terminated = False
        self.heard = False

    def gently(self) -> None:
        """There is something to end: go the way of Ctrl-C."""
        signal.signal(signal.SIGINT, self._on_sigint)
        signal.signal(signal.SIGTERM, self._on_sigterm)

    def _on_sigint(self, _number: int, _frame: FrameType | None) -> None:
        self.heard = True
        raise KeyboardInterrupt

    def _on_sigterm(self, _number: int, frame: FrameType | None) -> None:
        """Go the way of Ctrl-C, whoever handles that at the moment."""
        self.terminated = True
        handler = signal.getsignal(signal.SIGINT)
        if not callable(handler):
            raise KeyboardInterrupt
        handler(signal.SIGINT, frame)


def end_at_once() -> None:
    """Nothing was started yet: whoever wants it to end hears that, and it ends."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _end)


def _end(number: int, _frame: FrameType | None) -> None:
    os.write(_STANDARD_ERROR, f"{NOTHING_SHOWN}\n".encode())
    os._exit(_CODE + number)


@contextmanager
def endings() -> Iterator[Endings]:
    """Listen to both; behind it, when the exit code is known, neither can leave a traceback."""
    end_at_once()
    try:
        yield Endings()
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.SIG_DFL)
