"""Playing one plan against one subject: boot it, set a client to work, let the faults land, restart, wait for the end.

Three parties write into one history: the client (a process of its own, through a pipe), the nemesis (here) and the
lab. Nothing here judges. Waiting is always for a predicate, and always ends: with the output, with a subject that
nothing moves any more ("stalled"), or with a fault that could not be proven.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mcp_crashtest.clients import ClientProcess
from mcp_crashtest.contracts.job import Job
from mcp_crashtest.faults import process as faults
from mcp_crashtest.faults.process import Proof
from mcp_crashtest.model.errors import HarnessError, SubjectError
from mcp_crashtest.model.operation import History, Op, Operation, Type
from mcp_crashtest.model.plan import Action, Fault, Phase, Victim
from mcp_crashtest.outputs import with_file_records
from mcp_crashtest.recorder import Recorder
from mcp_crashtest.stage import LAB, Stage
from mcp_crashtest.subjects.process import Exit, Process

_DROPPING_S = 5.0
_MOVES = frozenset({Op.PROGRESS, Op.STATUS, Op.SUBMIT, Op.OUTPUT, Op.FAULT, Op.BOOT})


@dataclass(slots=True)
class Run(Stage):
    """One run. Create it with an opened subject, and ``play`` it once."""

    expected: list[list[str]] | None = None
    client: ClientProcess | None = None
    clients: int = 0
    handle: str | None = None
    done: float = 0
    status: str | None = None
    _failure: Exception | None = None

    async def play(self, path: Path) -> History:
        """Play the plan; the history is at ``path`` while it grows, and is returned when it is whole.

        Raises SubjectError when the subject cannot be started or driven at all, HarnessError when the lab fails.
        """
        self.recorder = Recorder(self.header, path, self._seen)
        self._moved_at = time.monotonic()
        try:
            if self.expected is not None:
                self.recorder.write(LAB, Type.OK, Op.EXPECT, {"records": self.expected})
            await self._boot(0)
            await self._start_client()
            for number, fault in enumerate(self.plan.faults):
                if not await self._land(fault, number):
                    break
            await self._until(lambda: False)
        finally:
            await self._tear_down()
            history = self.recorder.close()
        if self._failure:
            raise self._failure
        return history

    # --- what is seen

    def _seen(self, operation: Operation) -> None:
        if self._is_move(operation):
            self._moved_at = time.monotonic()
        if operation.op is Op.PROGRESS:
            self.done = max(self.done, operation.value["done"])
        if operation.op is Op.SUBMIT and operation.type is Type.OK:
            self.handle = operation.task
        if operation.op is Op.OUTPUT:
            self.ended = self.ended or "output"
        if operation.op is Op.END and operation.process.startswith("client"):
            self.ended = self.ended or "client deadline"
        self._stir.set()

    def _is_move(self, operation: Operation) -> bool:
        """Whether something goes on: a status that is what it was does not count."""
        if operation.op is Op.STATUS and operation.type is Type.OK:
            before, self.status = self.status, operation.value["status"]
            return before != self.status
        return operation.op in _MOVES and operation.type is not Type.INVOKE

    @property
    def _over(self) -> bool:
        return self.ended is not None or self._failure is not None

    # --- the server

    async def _boot(self, landed: int) -> None:
        if self.subject.profile.subject.command is not None:
            self._expecting_exit = False
            await self._boot_server(landed)

    def _server_left(self, ended: Exit) -> None:
        self.ended = self.ended or "the subject ended by itself"
        if not self.plan.faults:
            self._failure = SubjectError(
                f"the subject ended with {ended} in the middle of an undisturbed run; its last words:\n"
                f"{self.subject.log_tail()}"
            )

    def _thaw(self, more: bool) -> Callable[[], None]:
        """Let a parked server go on; with ``more`` crash points armed it will park again."""

        def thaw() -> None:
            if self.parked and self.server:
                self.parked = False
                self._watch(self._go_on(self.server, more))

        return thaw

    async def _go_on(self, server: Process, more: bool) -> None:
        if await server.signal_group(signal.SIGCONT) and more:
            await self._watch_park(server)

    # --- the client

    async def _start_client(self) -> None:
        contract, workload = self.subject.profile.contract, self.subject.profile.workload
        job = Job(
            url=self.subject.url,
            protocol=self.plan.protocol,
            kind=contract.kind,
            tool=contract.tool,
            arguments=self.subject.fill(contract.arguments),
            observe=self.subject.profile.observe,
            records=workload.records,
            deadline_s=self.limits.total_s,
            handle=self.handle,
        )
        name = f"client-{self.clients}"
        self.clients += 1
        self.client = await ClientProcess.start(
            self.subject.spawner, job, self.subject.folder / f"{name}.log", lambda event: self._journal(name, event)
        )
        self.recorder.write(LAB, Type.OK, Op.CLIENT, {"pid": self.client.process.pid, "name": name})
        self._watch(self._watch_client(self.client))

    def _journal(self, name: str, event: Operation) -> None:
        """Take over an event that a client has journalled; records that stand in a file are read at this moment."""
        value = event.value
        if event.op is Op.OUTPUT and event.type is Type.OK:
            try:
                value = with_file_records(value, self.subject)
            except SubjectError as error:
                self.recorder.write(
                    name,
                    Type.FAIL,
                    Op.OUTPUT,
                    {"reason": "unreadable output", "error": str(error)},
                    boot=self._boot_number,
                    task=event.task,
                )
                return
        self.recorder.write(name, event.type, event.op, value, boot=self._boot_number, task=event.task)

    async def _watch_client(self, client: ClientProcess) -> None:
        ended = await client.ended(self.limits.total_s)
        if client is self.client and not self.ended and not client.expected_to_end:
            self._failure = HarnessError(f"the lab's own client ended with {ended}:\n{client.log_tail()}")
        self._stir.set()

    # --- the nemesis

    async def _land(self, fault: Fault, number: int) -> bool:
        """Wait for the fault's coordinate, do it, prove it, and restart what it hit."""
        observed = fault.at.phase is Phase.OBSERVED
        mark = fault.at.batch * self.subject.profile.workload.batch
        if not await self._until((lambda: self.done >= mark) if observed else (lambda: self.parked)):
            return False
        described = {**fault.to_json(), "fault": str(fault), "done": self.done}
        self._announce(described)
        if not self._landed(described, await self._do(fault, more=number + 1 < len(self.plan.faults))):
            return False
        if fault.victim is not Victim.CLIENT:
            await self._boot(number + 1)
        if fault.victim is not Victim.SERVER and fault.action is not Action.DROP and not self.ended:
            await self._start_client()
        return True

    async def _do(self, fault: Fault, *, more: bool) -> Proof:
        thaw = self._thaw(more)
        server, client = self.server, self.client
        assert client is not None
        hits_server = fault.victim is not Victim.CLIENT
        if hits_server:
            if server is None:
                return Proof(False, "the lab has no right to touch a server that it did not start")
            self._expecting_exit = True
        if fault.action in (Action.INTERRUPT, Action.DROP) and not await client.listening():
            return Proof(False, "the client was not ready for a signal")
        if fault.victim is not Victim.SERVER and fault.action is not Action.DROP:
            client.expected_to_end = True
        match fault.action, fault.victim:
            case Action.KILL, Victim.SERVER if server:
                proof = await faults.kill(server)
            case Action.KILL, Victim.BOTH if server:
                proof = await faults.kill(server, client.process)
            case Action.KILL, Victim.CLIENT:
                proof = await faults.kill(client.process)
                thaw()
            case Action.TERMINATE, Victim.SERVER if server:
                proof = await faults.terminate(server, thaw)
            case Action.INTERRUPT, Victim.CLIENT:
                proof = await faults.interrupt(client.process, client.interrupted, thaw)
            case Action.DROP, Victim.CLIENT:
                proof = await self._drop(client, thaw)
            case _:
                return Proof(False, f"the lab does not know how to {fault.action} {fault.victim}")
        if client.expected_to_end and proof.confirmed:
            await client.drained()
        return proof

    async def _drop(self, client: ClientProcess, thaw: Callable[[], None]) -> Proof:
        """Have the client lose its connections; the proof is the client's own word that it had one."""
        began, before = time.monotonic(), client.drops
        if not client.process.signal(signal.SIGUSR1):
            return Proof(False, "the client had already ended")
        deadline = began + _DROPPING_S
        while client.drops == before and time.monotonic() < deadline and not self.ended:
            self._stir.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stir.wait(), deadline - time.monotonic())
        thaw()
        if client.drops == before:
            return Proof(False, "the client had no connection to drop")
        return Proof(True, "dropped", 0, time.monotonic() - began)

    # --- the end

    async def _tear_down(self) -> None:
        """Note how the run ended; then end what is left of it, and read the ledger."""
        self._expecting_exit = True
        if self.client:
            self.client.expected_to_end = True
        reason = str(self._failure) if self._failure else self.ended or "broken off"
        silent_s = round(time.monotonic() - self._moved_at, 6)
        await self._stop_watching()
        if self.client:
            await self.client.close()
        if self.server and self.server.exited is None:
            self.stray |= not (await self.server.kill()).confirmed
        self._note_end(reason, silent_s)
