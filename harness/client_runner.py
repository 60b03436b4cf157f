"""Playing one plan against a client under test: it is killed at windows of its conversation, and started again.

The client reaches its server through a relay of the lab's, so that its submissions and questions are seen, can be cut
off at any of them, and meet a closed door while the server is away. Between two lives its state file is read. Nothing
here judges, and every wait ends: with a client that ends by itself, with one that nothing ends ("stalled"), with a
server that ends by itself, or with a fault that could not be proven.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.client_words import printed, state_of
from harness.faults import process as faults
from harness.ledger import read_executions
from harness.model.errors import HarnessError
from harness.model.operation import Header, History, Op, Operation, Type
from harness.model.plan import Coordinate, Fault, Phase, Plan, Victim
from harness.recorder import Recorder
from harness.subjects.client import ClientSubject
from harness.subjects.process import Exit, Process
from harness.subjects.subject import Subject
from harness.testimony import Testimony
from harness.wire.relay import Relay

LAB, NEMESIS, SERVER = "lab", "nemesis", "server"
_MOVES = frozenset({Op.BOOT, Op.CLIENT, Op.FAULT})


@dataclass(frozen=True, slots=True)
class Pace:
    """Times of a client's run, in seconds: undisturbed, without the server, and at most from the last fault on."""

    undisturbed_s: float
    outage_s: float
    silence_s: float
    total_s: float


@dataclass(slots=True)
class ClientRun:
    """One run. Create it with an opened server's site, and ``play`` it once."""

    plan: Plan
    subject: Subject
    client: ClientSubject
    header: Header
    pace: Pace
    expected: list[list[str]] | None = None
    recorder: Recorder = field(init=False)
    relay: Relay = field(init=False)
    testimony: Testimony = field(init=False)
    server: Process | None = None
    process: Process | None = None
    parked: bool = False
    ended: str | None = None
    stray: bool = False
    _stir: asyncio.Event = field(default_factory=asyncio.Event)
    _watches: list[asyncio.Task[None]] = field(default_factory=list)
    _striking: bool = False
    _moved_at: float = 0
    _began_at: float = 0

    async def play(self, path: Path) -> History:
        """Play the plan; the history is at ``path`` while it grows, and is returned when it is whole.

        Raises SubjectError when the server or the client cannot be started at all, HarnessError when the lab fails.
        """
        self.recorder = Recorder(self.header, path, self._seen)
        self.testimony = Testimony(self.subject.profile, self._testify, self._stir)
        self.relay = Relay(self.client.port, self.subject.port, self.testimony)
        try:
            if self.expected is not None:
                self.recorder.write(LAB, Type.OK, Op.EXPECT, {"result": self.expected})
            self._arm(0)
            await self._boot(0)
            await self._start_client()
            for number, fault in enumerate(self.plan.faults):
                if not (await self._reach(fault) and await self._strike(fault)):
                    break
                await self._restore(fault, number)
            await self._until(lambda: False)
        finally:
            await self._tear_down()
            history = self.recorder.close()
        return history

    # --- what is seen

    def _seen(self, operation: Operation) -> None:
        if operation.op in _MOVES:
            self._moved_at = time.monotonic()
        self._stir.set()

    def _testify(self, type_: Type, op: Op, value: Mapping[str, Any], task: str | None) -> None:
        self.recorder.write(self._name, type_, op, value, boot=self._boot_number, task=task)

    @property
    def _name(self) -> str:
        return f"client-{max(self.client.lives - 1, 0)}"

    @property
    def _boot_number(self) -> int:
        return max(self.subject.boots, 1)

    async def _until(self, reached: Callable[[], bool], at: float | None = None) -> bool:
        """Wait until ``reached``, which may turn true at a time; False when the run is over before, however."""
        while not self.ended:
            if reached():
                return True
            now = time.monotonic()
            if now >= self._moved_at + self.pace.silence_s:
                self.ended = "stalled"
                break
            wake_at = min(self._moved_at + self.pace.silence_s, at if at is not None and at > now else float("inf"))
            self._stir.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stir.wait(), wake_at - now)
        return False

    def _watch(self, watching: Coroutine[Any, Any, None]) -> None:
        self._watches.append(asyncio.create_task(watching))

    # --- the server

    async def _boot(self, landed: int) -> None:
        points = [f.at for f in self.plan.faults[landed:] if f.at.phase.in_server]
        self.parked = False
        self.testimony.another_boot()
        server = self.server = await self.subject.boot(points)
        value = {"pid": server.pid, "warm": server.warm, "url": self.subject.url}
        self.recorder.write(LAB, Type.OK, Op.BOOT, value, boot=self._boot_number)
        self._watch(self._watch_server(server))
        if points:
            self._watch(self._watch_park(server))
        try:
            await self.relay.open(self.subject.profile.subject.ready_deadline_s)
        except TimeoutError:
            self.ended = self.ended or f"nothing accepts connections at {self.subject.url}"

    async def _watch_server(self, server: Process) -> None:
        ended = await server.wait_exit(self.pace.total_s)
        if server is self.server and not self._striking:
            self.recorder.write(SERVER, Type.OK, Op.EXIT, {"how": str(ended)}, boot=self._boot_number)
            self.ended = self.ended or "the server ended by itself"

    async def _watch_park(self, server: Process) -> None:
        if await server.wait_stopped(self.pace.total_s) and server is self.server:
            self.parked = True
            self._stir.set()

    async def _thaw(self, number: int) -> None:
        """Let a parked server go on; with more crash points armed it parks again."""
        if self.parked and self.server:
            self.parked = False
            if await self.server.signal_group(signal.SIGCONT):
                more = any(f.at.phase.in_server for f in self.plan.faults[number + 1 :])
                if more:
                    self._watch(self._watch_park(self.server))

    # --- the client

    async def _start_client(self) -> None:
        if self.ended:
            return
        self.testimony.another_life()
        self.process = await self.client.start()
        self._began_at = time.monotonic()
        value = {"pid": self.process.pid, "warm": self.process.warm, "name": self._name}
        self.recorder.write(LAB, Type.OK, Op.CLIENT, value, boot=self._boot_number)
        self._watch(self._watch_client(self.process))

    async def _watch_client(self, process: Process) -> None:
        ended = await process.wait_exit(self.pace.total_s)
        if process is self.process and not self._striking:
            self._note_end(ended)

    def _note_end(self, ended: Exit) -> None:
        """The client has ended by itself: what it leaves, its exit code, and what it has printed."""
        self._note_state(done=ended.code == 0)
        value: dict[str, Any] = {"how": str(ended), "result": printed(self.client.output, self.client.spec.result)}
        if ended.code != 0:
            value["last_words"] = self.client.log_tail()
        outcome = Type.OK if ended.code == 0 else Type.FAIL
        self.recorder.write(self._name, outcome, Op.OUTPUT, value, boot=self._boot_number)
        self.ended = self.ended or "output"

    def _note_state(self, *, done: bool = False) -> None:
        path = self.client.state_file
        if path is not None:
            readable, value = state_of(path, self.client.spec.handle)
            outcome = Type.OK if readable else Type.FAIL
            self.recorder.write(
                LAB, outcome, Op.STATE, {**value, "of": self._name, "done": done}, boot=self._boot_number
            )

    # --- the nemesis

    def _arm(self, number: int) -> None:
        self.testimony.arm(self.plan.faults[number].at if number < len(self.plan.faults) else None)

    async def _reach(self, fault: Fault) -> bool:
        """Wait for the fault's coordinate."""
        if fault.at.phase is Phase.AWAY:
            if self.server is not None:
                raise HarnessError(f"{fault}: the fault before it leaves the server alive")
            return not self.ended
        if fault.at.phase in (Phase.MOMENT, Phase.SPEAKING):
            return await self._moment(fault.at)
        in_server = fault.at.phase.in_server
        return await self._until((lambda: self.parked) if in_server else (lambda: self.testimony.reached))

    async def _moment(self, at: Coordinate) -> bool:
        """Wait for a moment of this life: a time, there is nothing to wait for but its coming."""
        began_at: float | None = self._began_at
        if at.phase is Phase.SPEAKING:
            if not await self._until(lambda: self.testimony.spoke_at is not None):
                return False
            began_at = self.testimony.spoke_at
        assert began_at is not None
        moment = began_at + at.batch / 1000 * self.pace.undisturbed_s
        return await self._until(lambda: time.monotonic() >= moment, moment)

    async def _strike(self, fault: Fault) -> bool:
        """Kill whom it hits, and prove it. A client that got away has ended by itself: then nothing has landed."""
        hits_server, hits_client = fault.victim is not Victim.CLIENT, fault.victim is not Victim.SERVER
        victims = [v for v, hit in ((self.server, hits_server), (self.process, hits_client)) if v and hit]
        described = {**fault.to_json(), "fault": str(fault)}
        self.recorder.write(NEMESIS, Type.INVOKE, Op.FAULT, described, boot=self._boot_number)
        self._striking = True
        if hits_server:
            self.relay.shut()
        proof = await faults.kill(*victims)
        await self.relay.cut()
        self.testimony.arm(None)
        if hits_client and self.process and self.process.exited and self.process.exited.code is not None:
            self._note_end(self.process.exited)
            return False
        value = {**described, "kills": proof.kills, "reason": proof.reason, "elapsed_s": round(proof.elapsed_s, 6)}
        outcome = Type.OK if proof.confirmed else Type.FAIL
        self.recorder.write(NEMESIS, outcome, Op.FAULT, value, boot=self._boot_number)
        if not proof.confirmed:
            self.stray = True
            self.ended = self.ended or "a fault could not be proven"
            return False
        if hits_server:
            self.server = None
        if hits_client:
            self._note_state()
        self._striking = False
        return True

    async def _restore(self, fault: Fault, number: int) -> None:
        """Start again what was killed; while the server is away, its client meets a closed door."""
        self._arm(number + 1)
        client_waits = fault.victim is not Victim.SERVER
        if self.server is not None:
            await self._thaw(number)
        else:
            more = self.plan.faults[number + 1 : number + 2]
            stays_away = bool(more) and more[0].at.phase is Phase.AWAY
            if client_waits and (stays_away or fault.at.phase is Phase.AWAY):
                await self._start_client()
                client_waits = False
            if not client_waits:
                await self._outage()
            if stays_away:
                return
            await self._boot(number + 1)
        if client_waits:
            await self._start_client()

    async def _outage(self) -> None:
        """The time for which a server is away: a time, there is nothing to wait for but a client that gives up."""
        back_at = time.monotonic() + self.pace.outage_s
        await self._until(lambda: time.monotonic() >= back_at, back_at)

    # --- the end

    async def _tear_down(self) -> None:
        """Note how the run ended; then end what is left of it, and read the ledger."""
        reason, silent_s = self.ended or "broken off", round(time.monotonic() - self._moved_at, 6)
        self._striking = True
        for watch in self._watches:
            watch.cancel()
        await asyncio.gather(*self._watches, return_exceptions=True)
        self.relay.shut()
        for process in (self.process, self.server):
            if process and process.exited is None:
                self.stray |= not (await process.kill()).confirmed
        await self.relay.cut()
        if (executions := read_executions(self.subject.ledger)) is not None:
            listed = [list(execution) for execution in executions]
            self.recorder.write(LAB, Type.OK, Op.EFFECTS, {"executions": listed}, boot=self._boot_number)
        value = {"reason": reason, "silent_s": silent_s, "deadline_s": self.pace.silence_s}
        self.recorder.write(LAB, Type.OK, Op.END, value, boot=self._boot_number)
