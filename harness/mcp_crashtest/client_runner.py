"""Playing one plan against a client under test: it is killed at windows of its conversation, and started again.

The client reaches its server through a relay of the lab's, so that its submissions and questions are seen, can be cut
off at any of them, and meet a closed door while the server is away. Between two lives its state file is read. Nothing
here judges, and every wait ends: with a client that ends by itself, with one that nothing ends ("stalled"), with a
server that ends by itself, or with a fault that could not be proven.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mcp_crashtest.client_words import printed, state_of
from mcp_crashtest.faults import process as faults
from mcp_crashtest.model.errors import HarnessError
from mcp_crashtest.model.operation import History, Op, Operation, Type
from mcp_crashtest.model.plan import Coordinate, Fault, Phase, Victim
from mcp_crashtest.recorder import Recorder
from mcp_crashtest.stage import LAB, Stage
from mcp_crashtest.subjects.client import ClientSubject
from mcp_crashtest.subjects.process import Exit, Process
from mcp_crashtest.testimony import Testimony
from mcp_crashtest.wire.relay import Relay

_MOVES = frozenset({Op.BOOT, Op.CLIENT, Op.FAULT})


@dataclass(frozen=True, slots=True)
class Pace:
    """Times of a client's run, in seconds: undisturbed, and without the server."""

    undisturbed_s: float
    outage_s: float


@dataclass(slots=True)
class ClientRun(Stage):
    """One run. Create it with an opened server's site, and ``play`` it once."""

    client: ClientSubject
    pace: Pace
    expected: list[list[str]] | None = None
    relay: Relay = field(init=False)
    testimony: Testimony = field(init=False)
    process: Process | None = None
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

    # --- the server

    async def _boot(self, landed: int) -> None:
        self.testimony.another_boot()
        await self._boot_server(landed)
        try:
            await self.relay.open(self.subject.profile.subject.ready_deadline_s)
        except TimeoutError:
            self.ended = self.ended or f"nothing accepts connections at {self.subject.url}"

    def _server_left(self, ended: Exit) -> None:
        self.ended = self.ended or "the server ended by itself"

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
        ended = await process.wait_exit(self.limits.total_s)
        if process is self.process and not self._expecting_exit:
            self._note_exit(ended)

    def _note_exit(self, ended: Exit) -> None:
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
        self._announce(described)
        self._expecting_exit = True
        if hits_server:
            self.relay.shut()
        proof = await faults.kill(*victims)
        await self.relay.cut()
        self.testimony.arm(None)
        if hits_client and self.process and self.process.exited and self.process.exited.code is not None:
            self._note_exit(self.process.exited)
            return False
        if not self._landed(described, proof):
            return False
        if hits_server:
            self.server = None
        if hits_client:
            self._note_state()
        self._expecting_exit = False
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
        self._expecting_exit = True
        await self._stop_watching()
        self.relay.shut()
        for process in (self.process, self.server):
            if process and process.exited is None:
                self.stray |= not (await process.kill()).confirmed
        await self.relay.cut()
        self._note_end(reason, silent_s)
