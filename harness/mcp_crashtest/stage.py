"""What every run has, whoever is on trial: a server that boots, parks and ends, faults with their proof, and an end."""

from __future__ import annotations

import asyncio
import contextlib
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any

from mcp_crashtest.faults.process import Proof
from mcp_crashtest.ledger import read_executions
from mcp_crashtest.model.operation import Header, Op, Type
from mcp_crashtest.model.plan import Plan
from mcp_crashtest.recorder import Recorder
from mcp_crashtest.subjects.process import Exit, Process
from mcp_crashtest.subjects.subject import Subject

LAB, NEMESIS, SERVER = "lab", "nemesis", "server"


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a run may be silent, and how long it may take in all. Seconds."""

    silence_s: float
    total_s: float


@dataclass(slots=True)
class Stage(ABC):
    """One run's state. ``stray``: somebody may have got away from a fault; ``ended``: how the run has ended."""

    plan: Plan
    subject: Subject
    header: Header
    limits: Limits
    recorder: Recorder = field(init=False)
    server: Process | None = field(init=False, default=None)
    parked: bool = field(init=False, default=False)
    ended: str | None = field(init=False, default=None)
    stray: bool = field(init=False, default=False)
    _moved_at: float = field(init=False, default=0)
    _stir: asyncio.Event = field(init=False, default_factory=asyncio.Event)
    _watches: list[asyncio.Task[None]] = field(init=False, default_factory=list)
    _expecting_exit: bool = field(init=False, default=False)

    @property
    def _boot_number(self) -> int:
        return max(self.subject.boots, 1)

    @property
    def _over(self) -> bool:
        return self.ended is not None

    async def _until(self, reached: Callable[[], bool], at: float | None = None) -> bool:
        """Wait until ``reached``, which may turn true at a time; False when the run is over before, however."""
        while not self._over:
            if reached():
                return True
            now, silent_at = time.monotonic(), self._moved_at + self.limits.silence_s
            if now >= silent_at:
                self.ended = "stalled"
                break
            wake_at = min(silent_at, at) if at is not None and at > now else silent_at
            self._stir.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stir.wait(), wake_at - now)
        return False

    def _watch(self, watching: Coroutine[Any, Any, None]) -> None:
        self._watches.append(asyncio.create_task(watching))

    async def _stop_watching(self) -> None:
        for watch in self._watches:
            watch.cancel()
        await asyncio.gather(*self._watches, return_exceptions=True)

    # --- the server

    async def _boot_server(self, landed: int) -> None:
        """Start the server once more, with the crash points armed at which faults are still to land."""
        points = [f.at for f in self.plan.faults[landed:] if f.at.phase.in_server]
        self.parked = False
        server = self.server = await self.subject.boot(points)
        value = {"pid": server.pid, "warm": server.warm, "url": self.subject.url}
        self.recorder.write(LAB, Type.OK, Op.BOOT, value, boot=self._boot_number)
        self._watch(self._watch_server(server))
        if points:
            self._watch(self._watch_park(server))

    async def _watch_server(self, server: Process) -> None:
        ended = await server.wait_exit(self.limits.total_s)
        if server is self.server and not self._expecting_exit:
            self.recorder.write(SERVER, Type.OK, Op.EXIT, {"how": str(ended)}, boot=self._boot_number)
            self._server_left(ended)
            self._stir.set()

    @abstractmethod
    def _server_left(self, ended: Exit) -> None:
        """The server has ended by itself."""

    async def _watch_park(self, server: Process) -> None:
        if await server.wait_stopped(self.limits.total_s) and server is self.server:
            self.parked = True
            self._stir.set()

    # --- faults, and the end

    def _announce(self, described: Mapping[str, Any]) -> None:
        """Journal a fault before it is done."""
        self.recorder.write(NEMESIS, Type.INVOKE, Op.FAULT, described, boot=self._boot_number)

    def _landed(self, described: Mapping[str, Any], proof: Proof) -> bool:
        """Note what came of a fault, and whether it landed; without proof the run is over."""
        value = {**described, "kills": proof.kills, "reason": proof.reason, "elapsed_s": round(proof.elapsed_s, 6)}
        outcome = Type.OK if proof.confirmed else Type.FAIL
        self.recorder.write(NEMESIS, outcome, Op.FAULT, value, boot=self._boot_number)
        if not proof.confirmed:
            self.stray = True
            self.ended = self.ended or "a fault could not be proven"
        return proof.confirmed

    def _note_end(self, reason: str, silent_s: float) -> None:
        """Nobody of the run lives any more: read the ledger, and close the history with the reason."""
        if (executions := read_executions(self.subject.ledger)) is not None:
            listed = [list(execution) for execution in executions]
            self.recorder.write(LAB, Type.OK, Op.EFFECTS, {"executions": listed}, boot=self._boot_number)
        value = {"reason": reason, "silent_s": silent_s, "deadline_s": self.limits.silence_s}
        self.recorder.write(LAB, Type.OK, Op.END, value, boot=self._boot_number)
