"""Taking turns: what there is once on a machine is used by one run after the other, whoever plays it.

A fixed port, or what a profile's reset puts back, is nobody's own. Its name is held as long as a run lasts, over all
sessions of this machine; it is given back with the process that holds it, however that ends.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import socket
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack, asynccontextmanager

from mcp_crashtest.model.errors import SubjectError

_LONGEST_WAIT_S = 1800.0
_POLL_S = 0.02


@asynccontextmanager
async def turn(names: Sequence[str], longest_s: float = _LONGEST_WAIT_S) -> AsyncIterator[None]:
    """Hold all these names; raises SubjectError where somebody else keeps one for longer than half an hour."""
    deadline = time.monotonic() + longest_s
    with ExitStack() as held:
        for name in sorted(names):
            while (lock := _taken(name)) is None:
                if time.monotonic() > deadline:
                    raise SubjectError(
                        f"{name} is in use by another run of mcp-crashtest for more than {longest_s:.0f} s: wait for "
                        f"its end, or give each run a port of its own with {{port}}"
                    )
                await asyncio.sleep(_POLL_S)
            held.enter_context(lock)
        yield


def _taken(name: str) -> socket.socket | None:
    """A name in the kernel's own list; None where somebody has it."""
    lock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    digest = hashlib.sha256(name.encode()).hexdigest()[:32]
    try:
        lock.bind(f"\0mcp-crashtest-{os.getuid()}-{digest}")
    except OSError:
        lock.close()
        return None
    return lock
