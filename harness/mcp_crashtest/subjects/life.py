"""One life of a server, from its start to its proven death. A run may have two at once, one of them frozen.

A life that is a process parks itself (SIGSTOP) at the crash points that it was armed with, and goes on when it is told
to. Standing still because the lab has frozen it is something else, and is not taken for parking.
"""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Protocol

from mcp_crashtest.subjects.proc import group_of, state_of
from mcp_crashtest.subjects.process import Exit, KillProof, Process, Remains
from mcp_crashtest.subjects.trace import Trace

_STOPPED = "T"
_FREEZING_S = 2.0
_PAUSE_S = 0.002


class Mortal(Protocol):
    """Whoever can be killed with proof."""

    @property
    def exited(self) -> Exit | None:
        """How it has ended; None while it lives."""

    @property
    def starved_s(self) -> float:
        """For how long, since it began, it has waited for a processor while it could have run."""

    @property
    def trace(self) -> Trace:
        """When it was told to end and was reaped, and what it has used, as far as anybody can tell."""

    async def kill(self) -> KillProof:
        """SIGKILL it with all of its group, and prove that it is dead."""


class Life(Mortal, Protocol):
    """One life of a server. ``number`` counts a run's lives from 1; ``parked``: it stands at a crash point.

    ``whole``: a planned restart stops its whole group; ``everybody``: its kills reach those outside of it too.
    """

    number: int
    parked: bool
    expected_to_end: bool

    @property
    def pid(self) -> int:
        """The leader's process id."""

    @property
    def warm(self) -> bool:
        """Whether it comes from a fork server."""

    async def begin(self) -> None:
        """Have it begin, where ``boot`` has only got it ready: a restart is then a moment that is known."""

    async def leave(self) -> bool:
        """The run is over: kill what is the lab's own; whether nobody of it is left."""

    async def wait_exit(self, deadline_s: float) -> Exit:
        """Wait for its end; raises TimeoutError."""

    async def wait_parked(self, deadline_s: float) -> bool:
        """Wait until it stands at a crash point; False when it has ended. Raises TimeoutError."""

    async def go_on(self) -> bool:
        """Leave the crash point; False when it has ended."""

    @property
    def whole(self) -> bool:
        """Whether a planned restart is for its whole group."""

    @property
    def everybody(self) -> bool:
        """Whether a kill reaches those outside its group too."""

    async def to_be_told(self) -> bool:
        """It is about to be told to stop, in whatever way: everybody of it is watched. False when it has ended."""

    async def terminate(self) -> bool:
        """SIGTERM to its leader, or with ``whole`` to its whole group; False when it has ended."""

    async def left(self, patience_s: float, *, kill: Collection[str] = ()) -> Remains:
        """Who is left of it once it has ended, and has had so long to leave; first kill those inside or outside."""

    async def freeze(self) -> bool:
        """Stop the whole group; whether all of it stands still."""

    async def thaw(self) -> bool:
        """Let the whole group go on; False when it has ended."""


async def signalled(life: Life, number: int) -> bool:
    """Send a signal to a life's whole group; False when it has ended, or is no process of the lab's own."""
    if not isinstance(life, ProcessLife) or not await life.to_be_told():
        return False
    return await life.process.signal_group(number)


@dataclass(slots=True, eq=False)
class ProcessLife:
    """A life that is a process of the lab's own."""

    number: int
    process: Process
    parked: bool = False
    expected_to_end: bool = False
    whole: bool = False
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

    @property
    def starved_s(self) -> float:
        """For how long, since it began, its group has waited for a processor while it could have run."""
        return self.process.starved_s

    @property
    def trace(self) -> Trace:
        """When it was told to end and was reaped, and what it has used."""
        return self.process.trace

    async def begin(self) -> None:
        """It has begun."""

    async def kill(self) -> KillProof:
        """SIGKILL it with all of its group, and prove that it is dead."""
        return await self.process.kill()

    async def leave(self) -> bool:
        """Kill it; whether nobody of it is left."""
        return (await self.kill()).confirmed

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

    @property
    def everybody(self) -> bool:
        """Whether a kill reaches those outside its group too."""
        return self.process.site.everybody

    async def to_be_told(self) -> bool:
        """It is about to be told to stop, in whatever way: everybody of it is watched. False when it has ended."""
        if self.exited:
            return False
        await self.process.watch()
        return self.exited is None

    async def terminate(self) -> bool:
        """SIGTERM to its leader, or with ``whole`` to its whole group; False when it has ended."""
        if not await self.to_be_told():
            return False
        if self.whole:
            return await self.process.signal_group(signal.SIGTERM)
        return self.process.signal(signal.SIGTERM)

    async def left(self, patience_s: float, *, kill: Collection[str] = ()) -> Remains:
        """Who is left of it once it has ended, and has had so long to leave; first kill those inside or outside."""
        return await self.process.left(patience_s, kill)

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
