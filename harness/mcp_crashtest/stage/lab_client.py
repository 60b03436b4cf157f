"""The lab's own client on the stage: it drives the server that is on trial, and is killed like any other.

It journals through a pipe; what it says is taken over into the history.
"""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from mcp_crashtest.contracts.host import Order
from mcp_crashtest.contracts.job import Job
from mcp_crashtest.model.columns import referred
from mcp_crashtest.model.companions import AGAIN, is_of_second
from mcp_crashtest.model.coordinates import Coordinate, Window, WindowName
from mcp_crashtest.model.offers import ANSWER, TRESPASS
from mcp_crashtest.model.operation import Op, Operation, Type
from mcp_crashtest.model.proof import Proof
from mcp_crashtest.model.secrets import meant
from mcp_crashtest.stage import leaving
from mcp_crashtest.stage.answering import Answering
from mcp_crashtest.stage.client_process import ClientProcess, Listener
from mcp_crashtest.stage.crowd import Company, company
from mcp_crashtest.stage.ending import watch_client
from mcp_crashtest.stage.hosting import Hosting
from mcp_crashtest.stage.moving import Moves
from mcp_crashtest.stage.operator import Operator
from mcp_crashtest.stage.outage import ask_again, forgive
from mcp_crashtest.stage.pace import LONGEST_ABSENCE_S
from mcp_crashtest.stage.stage import LAB, OUTPUT, Stage
from mcp_crashtest.subjects.life import Mortal
from mcp_crashtest.subjects.subject import Subject
from mcp_crashtest.wire.errors import WireError

_LEAVING_S = 5.0
_ENDED = frozenset({"cancelled", "failed", "vanished"})  # how a job that was cancelled may end
_OF_A_TASK = frozenset({Op.SUBMIT, Op.STATUS, Op.OUTPUT})
_ORDERS = frozenset({Op.CANCEL, Op.PAUSE, Op.RESUME})


class LabClient:
    """Drives one job on a subject; ``expected`` is what the golden run showed, None in the golden run itself.

    ``others`` is what the golden runs of the second and the third client's job showed, where these have another size.
    """

    def __init__(self, subject: Subject, expected: Mapping[str, Any] | None, *others: Mapping[str, Any] | None) -> None:
        self.done: float = 0
        self.began_at: float = 0
        self.spoke_at: float | None = None
        self.connected_at: float | None = None
        self.submitted_at: float | None = None
        self.moved_at: float | None = None
        self._subject = subject
        self._expected = expected
        self._others = others
        self._second: Company | None = None
        self._process: ClientProcess | None = None
        self._lives = 0
        self._handle: str | None = None
        self._moves = Moves(Op.STATUS, Op.FAULT, Op.BOOT, *_ORDERS)
        self._before: float | None = None  # how far the lives before this one were seen to get
        self._in_life: tuple[float, float] | None = None  # the first and the latest progress in this life
        self._said: Counter[WindowName] = Counter()
        self._awaited: Window | None = None
        self.halted: Op | None = None
        self.at_rest = False
        self._hosting = Hosting(subject)
        self._only_hosts = False  # over stdio: its job is done, and it keeps the server's pipes

    def enter(self, stage: Stage) -> Mapping[str, Any] | None:
        """It belongs to this stage from now on; what the golden run showed."""
        self._stage = stage
        principals = self._subject.profile.principals
        mine, others = principals[0] if principals else None, principals[1:]
        self._principal = mine
        self._operator = Operator(self._subject, stage, self._job, principal=mine, hosting=self._hosting)
        self._answering = Answering(stage, self._operator)
        self._strangers = [Operator(self._subject, stage, self._job, who.name, who) for who in others]
        self._second = company(self._subject, stage, self._job, self._listener, self._hosting)
        if self._second:
            self._second.note_expected(*self._others)
        return self._expected

    @property
    def living(self) -> Mortal | None:
        """Its life, if it has one."""
        process = self._process.process if self._process else None
        idle = self.at_rest or self._only_hosts
        return process if process and process.exited is None and not idle else None

    async def start(self) -> None:
        """Begin another life, which has the handle that the lives before it had."""
        if self._only_hosts and self._process:
            await self._process.close()
        elif self.at_rest and self._process:
            await self._process.ended(_LEAVING_S)
        self.at_rest = self._only_hosts = False
        stage, subject = self._stage, self._subject
        name = f"client-{self._lives}"
        self._lives += 1
        log = subject.folder.client_log(name)
        notes = stage.chronicle.notes_of(name)
        process = await self._hosting.start(replace(self._job(), notes=notes), log, self._listener(name))
        self._process = process
        self.began_at = time.monotonic()
        stage.recorder.write(LAB, Type.OK, Op.CLIENT, {"pid": process.process.pid, "name": name})
        present = partial(self._is_present, process)
        stage.watch(watch_client(stage, name, process, present, "the lab's own client"))

    def _is_present(self, process: ClientProcess) -> bool:
        return process is self._process

    async def joined(self) -> None:
        """Be joined by the second client, where the plan has one."""
        if self._second:
            await self._second.join()

    def _listener(self, name: str) -> Listener:
        return lambda event: self._journalled(name, event)

    def _job(self) -> Job:
        """What it has to do, as far as it is known by now."""
        stage, subject, contract = self._stage, self._subject, self._subject.profile.contract
        return Job(
            url=subject.url,
            protocol=stage.plan.protocol,
            kind=contract.kind,
            tool=contract.tool,
            arguments=subject.fill(contract.arguments),
            observe=subject.profile.observe,
            records=subject.workload.records,
            deadline_s=stage.limits.total_s,
            handle=self._handle,
            status=contract.status,
            away_s=min(stage.plan.absence.batches * stage.pace.batch_s, LONGEST_ABSENCE_S),
            values=subject.values,
            ready_deadline_s=subject.ready_deadline_s,
            headers=subject.headers,
            folder=str(subject.folder.path),
            marked=subject.counting is not None,
            piped=subject.piped,
            busy_s=stage.limits.silence_s + 2 * float((self._expected or {}).get("job_s") or 0),
            waits=self.submitted_at is not None and self._handle is None,
            patient=subject.patient,
        )

    def _journalled(self, name: str, event: Operation) -> None:
        """Take an event over."""
        value = self._stage.recorder.timed(event.value)
        outage, hard = self._stage.outage, event.type is Type.FAIL and event.op in _OF_A_TASK
        if hard and outage.forgives and not outage.hears_out(value.get("reason")):
            forgive(self._stage, name, event)
            if event.op is Op.OUTPUT and self._process:
                self.expect_end()
                self._stage.watch(ask_again(self._stage, self._process, self.start))
            return
        if event.op is Op.OUTPUT and (digest := referred(value.get("records"))):
            golden = (seen["records"] for seen in (self._expected, *self._others) if seen and seen["records"])
            value["records"] = self._subject.folder.take_over(digest, golden)
            if self._subject.profile.shares_its_output:
                value["shared"] = True
        if self._principal and event.op in _OF_A_TASK:
            value.setdefault("principal", self._principal.name)
        self._stage.write(name, event.type, event.op, value, event.task)

    # --- what is seen

    def expect(self, at: Coordinate | None) -> None:
        """Windows are counted from now on. Nothing is held back: a submission is seen when it is written down."""
        self._awaited = at if isinstance(at, Window) else None
        self._said.clear()
        if self._answering.asks:
            self._said[WindowName.INPUT] += 1

    @property
    def reached(self) -> bool:
        """Whether its submission is on its way, or answered, as was expected."""
        return self._awaited is not None and self._said[self._awaited.name] >= self._awaited.number

    def passed(self, mark: float) -> bool:
        """Whether this life was seen to get so far: the first of a run by any sight, a later one by moving on.

        What a life shows first was done by those before it, also where nobody had seen that.
        """
        if self._before is None:
            return self._said_in_life(mark)
        return (
            self._in_life is not None
            and self._in_life[1] >= mark
            and self._in_life[1] > max(self._in_life[0], self._before)
        )

    def _said_in_life(self, mark: float) -> bool:
        begun = self.submitted_at is not None if self._blocking else self._handle is not None
        return begun if mark <= 0 else self.done >= mark

    @property
    def _blocking(self) -> bool:
        return self._subject.profile.contract.kind.blocking

    def server_starts(self) -> None:
        """It will notice by itself. How far it gets is counted anew."""
        if self._stage.lives:
            self._before = self.done
            self._in_life = None

    def meet(self) -> None:
        """Over stdio who lives is given the pipes of the new life; whose job is done, where others speak so."""
        for_others = self._only_hosts and self._second is not None and not self._stage.plan.afterlife
        if self.living or for_others:
            self._hosting.give()

    async def hang_up(self, *, politely: bool) -> bool:
        """Over stdio: close the server's standard input, or at once both pipes; False where it has none."""
        return await self._hosting.say(Order.GOODBYE if politely else Order.HANG_UP)

    def saw(self, operation: Operation) -> bool:
        """An event of the run; whether it shows that something goes on."""
        if is_of_second(operation) or operation.process == AGAIN:
            return self._second is not None and self._second.saw(operation)
        if operation.op is Op.PROGRESS:
            done = operation.value["done"]
            self.moved_at = time.monotonic()
            self.done = max(self.done, done)
            self._in_life = (self._in_life[0] if self._in_life else done, done)
        if self._answering.saw(operation):
            self._said[WindowName.INPUT] += 1
        if operation.op is Op.SUBMIT:
            self._submits(operation)
        if operation.op is Op.CONNECT and operation.type is Type.OK:
            self.connected_at = time.monotonic()
        if operation.op is Op.CONNECT and self.spoke_at is None:
            self.spoke_at = time.monotonic()
        if operation.op in _ORDERS and operation.process == self._operator.name:
            self._ordered(operation)
        if operation.op is Op.OUTPUT:
            self._ends(operation)
        if operation.op is Op.END and operation.process.startswith("client"):
            self._stage.ended = self._stage.ended or "client deadline"
        return self._moves.saw(operation)

    def _ordered(self, operation: Operation) -> None:
        """A task may stop as soon as that was asked; one that was not heard, or is to go on, does not."""
        if operation.type is Type.INVOKE and operation.op is not Op.RESUME:
            self.halted = operation.op
        elif operation.type is Type.FAIL or operation.op is Op.RESUME:
            self.halted = None  # and where it has ended already, it has ended by itself
            self._stage.ended = self._stage.ended or (OUTPUT if self.at_rest else None)

    def _ends(self, operation: Operation) -> None:
        """It has nothing more to do. Of a job that was cancelled the run may have more to see."""
        self.expect_end()
        self._only_hosts = self._subject.piped
        if self.halted is Op.CANCEL and operation.value.get("reason") in _ENDED:
            self.at_rest = True
        elif self._second:
            self._second.first_has_finished(read=operation.type is Type.OK)
        else:
            self._stage.ended = self._stage.ended or OUTPUT

    def _submits(self, operation: Operation) -> None:
        if operation.type is Type.INVOKE:
            self._said[WindowName.UNANSWERED] += 1
            self.submitted_at = self.submitted_at or time.monotonic()
            self.moved_at = self.moved_at or self.submitted_at
        elif operation.type is Type.OK:
            self._said[WindowName.ANSWERED] += 1
            self._handle = meant(operation.task)

    # --- what is done to it

    def expect_end(self) -> None:
        """Its life is about to be ended."""
        if self._process:
            self._process.expected_to_end = True

    async def struck(self) -> bool:
        """It was killed: hear what it had written before."""
        if self._process and self._process.process.exited:
            await self._process.drained()
        return True

    async def endure(self) -> None:
        """It tries again until the server is back."""

    async def interrupt(self) -> Proof:
        """SIGINT, upon which it says goodbye and leaves."""
        return await leaving.interrupt(self._stage, self._process)

    async def drop(self) -> Proof:
        """Have it lose its connections."""
        return await leaving.drop(self._stage, self._process)

    async def prepare(self) -> None:
        """Whoever asks beside it gets ready; where that fails, asking will show it. Over stdio they ask through it."""
        if self._subject.piped:
            return
        for one in (self._operator, *self._strangers):
            with contextlib.suppress(WireError):
                await one.open()

    async def operate(self, name: str) -> Proof | None:
        """Have something asked about its task; by others, whose it is not, where it is a trespass."""
        if name == TRESPASS:
            proofs = [await stranger.trespass() for stranger in self._strangers]
            return next((proof for proof in proofs if proof is None or not proof.confirmed), proofs[0])
        return await (self._operator.answer() if name == ANSWER else self._operator.operate(name))

    async def look(self) -> Mapping[str, Any]:
        """What its task shows at this moment."""
        return await self._operator.look()

    async def close(self) -> bool:
        """End it, if it lives."""
        for one in (self._operator, *self._strangers, self._second, self._process):
            if one:
                await one.close()
        self._hosting.close()
        return True
