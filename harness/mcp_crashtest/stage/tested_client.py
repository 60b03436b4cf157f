"""A client under test on the stage: it is killed at windows of its conversation, and started again.

It reaches its server through a relay of the lab's, so that its submissions and questions are seen, can be cut off at
any of them (with the death of the client, or without), and meet a closed door while the server is away. Between two
lives its state file is read.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Mapping
from typing import Any

from mcp_crashtest.files.leavings import printed, state_of
from mcp_crashtest.model.coordinates import Coordinate
from mcp_crashtest.model.operation import Op, Operation, Type
from mcp_crashtest.model.proof import Proof
from mcp_crashtest.stage.chronicle import CLIENT
from mcp_crashtest.stage.stage import LAB, OUTPUT, Stage
from mcp_crashtest.stage.witness import Witness
from mcp_crashtest.subjects.client import ClientSubject
from mcp_crashtest.subjects.life import Mortal
from mcp_crashtest.subjects.process import Exit, Process
from mcp_crashtest.wire.relay import Relay

_MOVES = frozenset({Op.BOOT, Op.CLIENT, Op.FAULT})
_LEAVING_S = 10.0
_NOT_BUILT = "a client under test is not asked to operate its task"


class TestedClient:
    """One client on trial; ``expected`` is what the golden run printed, None in the golden run itself."""

    __test__ = False  # it is nobody's test case

    def __init__(self, subject: ClientSubject, expected: list[list[str]] | None) -> None:
        self.done: float = 0
        self.began_at: float = 0
        self.submitted_at: float | None = None
        self.moved_at: float | None = None
        self.halted: Op | None = None
        self.at_rest = False
        self.subject = subject
        self.witness = Witness(subject.server.profile, self._testify, self._stirred, self._answered)
        self.relay = Relay(subject.port, subject.server.port, self.witness, self._relayed)
        self._expected = expected
        self._process: Process | None = None
        self._dead: set[str] = set()
        self._expects_end = False
        self._unread = False

    @property
    def spoke_at(self) -> float | None:
        """This life's first word to the server."""
        return self.witness.spoke_at

    @property
    def connected_at(self) -> float | None:
        """The same: how a client and its server introduce themselves is their business."""
        return self.witness.spoke_at

    def enter(self, stage: Stage) -> Mapping[str, Any] | None:
        """It belongs to this stage from now on; what the golden run printed."""
        self._stage = stage
        return None if self._expected is None else {"result": self._expected}

    @property
    def living(self) -> Mortal | None:
        """Its life, if it has one."""
        return self._process if self._process and self._process.exited is None else None

    async def start(self) -> None:
        """Begin another life; what the one before has left is read first."""
        self._read_state()
        if self._stage.ended:
            return
        self.witness.another_life()
        self._process = process = await self.subject.start()
        self._expects_end = False
        self.began_at = time.monotonic()
        value = {"pid": process.pid, "warm": process.warm, "name": self.subject.name}
        self._stage.write(LAB, Type.OK, Op.CLIENT, value)
        self._stage.watch(self._watch_end(self.subject.name, process))

    def _died(self, name: str, process: Process) -> None:
        """Note its death, once."""
        if process.exited is not None and name not in self._dead:
            self._dead.add(name)
            self._stage.chronicle.died(CLIENT, name, process)

    async def _watch_end(self, name: str, process: Process) -> None:
        ended = await process.wait_exit(self._stage.limits.total_s)
        self._died(name, process)
        if process is self._process and not self._expects_end:
            self._note_exit(ended)

    def _note_exit(self, ended: Exit) -> None:
        """It has ended by itself: what it leaves, its exit code, and what it has printed."""
        self._unread = True
        self._read_state(done=ended.code == 0)
        value: dict[str, Any] = {"how": str(ended), "result": printed(self.subject.output, self.subject.spec.result)}
        if ended.code != 0:
            value["last_words"] = self.subject.log_tail()
        self._stage.write(self.subject.name, Type.OK if ended.code == 0 else Type.FAIL, Op.OUTPUT, value)
        self._stage.ended = self._stage.ended or OUTPUT

    async def joined(self) -> None:
        """A client under test has its server to itself."""

    def _read_state(self, *, done: bool = False) -> None:
        """Read the state file that the life before has left, once."""
        path, unread, self._unread = self.subject.state_file, self._unread, False
        if path is not None and unread:
            readable, value = state_of(path, self.subject.spec.handle)
            said = {**value, "of": self.subject.name, "done": done}
            self._stage.write(LAB, Type.OK if readable else Type.FAIL, Op.STATE, said)

    # --- what is seen

    def _testify(self, type_: Type, op: Op, value: Mapping[str, Any], task: str | None) -> None:
        self._stage.write(self.subject.name, type_, op, value, task)

    def _relayed(self, what: str, more: Mapping[str, int]) -> None:
        self._stage.chronicle.relay(what, **more)

    def _answered(self) -> None:
        self._stage.chronicle.answered(self.subject.name)

    def _stirred(self) -> None:
        self._stage.stir()

    def passed(self, mark: float) -> bool:
        """How far the server is, nobody knows here: its crash points say it."""
        return self.done >= mark

    def expect(self, at: Coordinate | None) -> None:
        """Hold the conversation at this window from now on; None: let everything pass."""
        self.witness.arm(at)

    @property
    def reached(self) -> bool:
        """Whether the conversation is at the window that was expected."""
        return self.witness.reached

    def server_starts(self) -> None:
        """The first question to another life of the server is news."""
        self.witness.another_server()

    def meet(self) -> None:
        """It will notice by itself."""

    async def hang_up(self, *, politely: bool) -> bool:
        """It is no host: its server is reached by a URL."""
        return False

    def saw(self, operation: Operation) -> bool:
        """Only starts and faults are moves: how often a client asks shows nothing."""
        return operation.op in _MOVES

    # --- what is done to it

    def expect_end(self) -> None:
        """Its life is about to be ended."""
        self._expects_end = True

    async def struck(self) -> bool:
        """It was to be killed. One that got away has ended by itself: then nothing has landed."""
        if self._process and self._process.exited and self._process.exited.code is not None:
            self._note_exit(self._process.exited)
            return False
        self._unread = True
        return True

    async def endure(self) -> None:
        """Meet a closed door for a time."""
        if self.living:
            await self._stage.until_time(time.monotonic() + self._stage.pace.outage_s)

    async def interrupt(self) -> Proof:
        """SIGINT to its leader, as a person's Ctrl-C. It may say goodbye and end with any code; who stays is killed."""
        client, began = self._process, time.monotonic()
        if client is None or client.exited is not None:
            return Proof(False, "the client had already ended before SIGINT")
        self.expect_end()
        if not client.signal(signal.SIGINT):
            return Proof(False, "the client had already ended before SIGINT")
        self._stage.let_go()
        self.expect(None)
        self._unread = True
        try:
            ended = await client.wait_exit(_LEAVING_S)
        except TimeoutError:
            killed = await client.kill()
            return Proof(killed.confirmed, f"did not leave within {_LEAVING_S:.0f} s of SIGINT and was killed", 0)
        if ended.code == 0 and printed(self.subject.output, self.subject.spec.result) == self._expected:
            self._note_exit(ended)
            return Proof(False, "the client had done its work before SIGINT reached it")
        return Proof(True, f"left with {ended}", 0, time.monotonic() - began)

    async def drop(self) -> Proof:
        """Its connections are cut at the relay. It lives, and is to go on by itself."""
        began = time.monotonic()
        if self.living is None:
            return Proof(False, "the client had already ended before its connections were cut")
        cut = await self.relay.cut()
        self.expect(None)
        self._stage.let_go()
        if not cut:
            return Proof(False, "the client had no connection to lose")
        return Proof(True, f"{cut} of its connections were cut", 0, time.monotonic() - began)

    async def prepare(self) -> None:
        """Not built, as what follows."""

    async def operate(self, name: str) -> Proof | None:
        """Not built: what its own task is asked beside it."""
        return Proof(False, _NOT_BUILT)

    async def look(self) -> Mapping[str, Any]:
        """Nobody asks beside it."""
        return {}

    async def close(self) -> bool:
        """End it, if it lives; whether nobody of it can be left."""
        if self._process is None:
            return True
        gone = self._process.exited is not None or (await self._process.kill()).confirmed
        self._died(self.subject.name, self._process)  # who watched it may have been sent away before he saw it
        return gone
