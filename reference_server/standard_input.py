"""Standard input that can be ended from within: a read of the real one is waited for by a thread, for ever.

What comes is passed on through a pipe of our own, which a signal ends as its sender would. So a server that is told to
stop winds down as it does when its client has gone.
"""

from __future__ import annotations

import os
import threading

_CHUNK_BYTES = 1 << 16


class EndableInput:
    """Takes the place of descriptor 0."""

    def __init__(self) -> None:
        self._real = os.dup(0)
        reading, self._writing = os.pipe()
        os.dup2(reading, 0)
        os.close(reading)
        threading.Thread(target=self._pass_on, name="standard input", daemon=True).start()

    def _pass_on(self) -> None:
        while chunk := os.read(self._real, _CHUNK_BYTES):
            while chunk:
                chunk = chunk[os.write(self._writing, chunk) :]
        self.end()

    def end(self) -> None:
        """Whoever reads meets the end, behind what has come. What comes later is dropped; may be called again."""
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, self._writing, inheritable=False)  # the number stays ours: the thread may be about to write there
        os.close(null)
