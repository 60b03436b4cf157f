"""One life of a server, from its start to its proven death. A run may have two at once, one of them frozen.

A life that is a process parks itself (SIGSTOP) at the crash points that it was armed with, and goes on when it is told
to. Standing still because the lab has frozen it is something else, and is not taken for parking.
"""

from __future__ import annotations

import asyncio
import signal
import time
from dataclasses import dataclass, field
from typing import Protocol

from mcp_crashtest.subjects.parent import group_of, state_of
from mcp_crashtest.subjects.process import Exit, KillProof, Process

_STOPPED = "T"
_FREEZING_S = 2.0
_PAUSE_S = 0.002


class Mortal(Protocol):
    """Whoever can be killed with proof."""

    @property
    def exited(self) -> Exit | None:
        """How it has ended; None while it lives."""

    async def kill(self) -> KillProof:
        """SIGKILL it with all of its group, and prove that it is dead."""


class Life(Mortal, Protocol):
    """One life of a server. ``number`` counts a run's lives from 1; ``parked``: it stands at a crash point."""

    number: int
    parked: bool
    expected_to_end: bool

    @property
    def pid(self) -> int:
        """The leader's process id."""

    @property
    def warm(self) -> bool:
        """Whether it comes from a fork server."""

    async def wait_exit(self, deadline_s: float) -> Exit:
        """Wait for its end; raises TimeoutError."""

    async def wait_parked(self, deadline_s: float) -> bool:
        """Wait until it stands at a crash point; False when it has ended. Raises TimeoutError."""

    async def go_on(self) -> bool:
        """Leave the crash point; False when it has ended."""

    def terminate(self) -> bool:
        """SIGTERM to its leader; False when it has ended."""

    async def freeze(self) -> bool:
        """Stop the whole group; whether all of it stands still."""

    async def thaw(self) -> bool:
        """Let the whole group go on; False when it has ended."""


@dataclass(slots=True, eq=False)
class ProcessLife:
    """A life that is a process of the lab's own."""

    number: int
    process: Process
    parked: bool = False
    expected_to_end: bool = False
    _moving: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        """It begins unfrozen."""
        self._moving.set()

    @property
    def pid(self) -> int:
        """The leader's process id."""
        return self.process.pid

    @property
    def warm(self) -> bool:
        """Whether it comes from a fork server."""
        return self.process.warm

    @property
    def exited(self) -> Exit | None:
        """How it has ended; None while it lives."""
        return self.process.exited

    async def kill(self) -> KillProof:
        """SIGKILL it with all of its group, and prove that it is dead."""
        return await self.process.kill()

    async def wait_exit(self, deadline_s: float) -> Exit:
        """Wait for its end; raises TimeoutError."""
        return await self.process.wait_exit(deadline_s)

    async def wait_parked(self, deadline_s: float) -> bool:
        """Wait until it stands at a crash point; False when it has ended. Raises TimeoutError."""
        async with asyncio.timeout(deadline_s):
            while await self.process.wait_stopped(deadline_s):
                if self._moving.is_set():
                    self.parked = True
                    return True
                await self._moving.wait()
            return False

    async def go_on(self) -> bool:
        """Leave the crash point; False when it has ended."""
        self.parked = False
        return await self.process.signal_group(signal.SIGCONT)

    def terminate(self) -> bool:
        """SIGTERM to its leader; False when it has ended."""
        return self.process.signal(signal.SIGTERM)

    async def freeze(self) -> bool:
        """Stop the whole group; whether all of it stands still."""
        self._moving.clear()
        if not await self.process.signal_group(signal.SIGSTOP):
            return False
        deadline = time.monotonic() + _FREEZING_S
        while not all(state_of(pid) == _STOPPED for pid in group_of(self.pid)):
            if time.monotonic() > deadline:
                return False
            await asyncio.sleep(_PAUSE_S)
        return self.exited is None

    async def thaw(self) -> bool:
        """Let the whole group go on, but not from a crash point; False when it has ended."""
        moves = self.parked or await self.process.signal_group(signal.SIGCONT)
        self._moving.set()
        return moves
