"""Holding a conversation with a subject that is killed in the middle of it: connect, work, lose it, connect again.

All contracts share this loop. Every wait is bounded by the job's deadline. A server that is away is asked again at
once and often: what it says first after a restart shows most. Only one that stays away is asked less often.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from mcp_crashtest.contracts.absence import LONGEST_S, Absence
from mcp_crashtest.contracts.contract import NotShown, Refused, Vanished
from mcp_crashtest.contracts.host import Host
from mcp_crashtest.contracts.job import Job, Journal
from mcp_crashtest.contracts.observing import Sight, in_records
from mcp_crashtest.contracts.output import Output
from mcp_crashtest.contracts.questions import Questions
from mcp_crashtest.contracts.shape import errors_in, shape_of
from mcp_crashtest.contracts.warming import Patience, asked_pause_s
from mcp_crashtest.files.run_folder import RunFolder
from mcp_crashtest.model.columns import Table
from mcp_crashtest.model.errors import SubjectError
from mcp_crashtest.model.observe_spec import constant_total
from mcp_crashtest.model.operation import Op, Type
from mcp_crashtest.model.text import excerpt
from mcp_crashtest.wire.errors import (
    Broken,
    DeadlineExceeded,
    HttpError,
    ProtocolViolation,
    RpcError,
    SessionLost,
    Unreachable,
    WireError,
)
from mcp_crashtest.wire.messages import METHOD_NOT_FOUND
from mcp_crashtest.wire.rejoining import rejoining, taken_up
from mcp_crashtest.wire.resuming import Stream
from mcp_crashtest.wire.session import Session
from mcp_crashtest.wire.stdio import Pipes, Stdio

_FIRST_PAUSE_S = 0.005
_EAGER_S = 3.0
_LONGEST_PAUSE_S = 0.1
_REFUSALS = 3

LOST = (Unreachable, Broken, SessionLost, HttpError)


class Conversation:
    """One client's attempts at one job, over as many connections as it takes; over stdio ``host`` has them."""

    def __init__(self, job: Job, journal: Journal, extensions: tuple[str, ...] = (), host: Host | None = None) -> None:
        self.job = job
        self._host = host
        self._extensions = extensions
        self.journal = journal
        self.sight = Sight(job, journal)
        self.questions = Questions(journal, job.notes)
        self.session: Session | None = None
        self.stream: Stream | None = None
        self.rejoining = False
        self.patience = Patience(job.ready_deadline_s, job.busy_s, LONGEST_S if job.patient else 0.0)
        self.absence = Absence(job.patient)
        if job.waits:
            self.patience.unheard()
        self._ends_at = time.monotonic() + job.deadline_s
        self._trying: asyncio.Task[None] | None = None
        self._dropping = False
        self._left: Session | None = None
        self.told = False
        self._away_s = 0.0
        self._refusals = 0
        self._furthest = 0

    @property
    def left_s(self) -> float:
        """Seconds until the job's deadline, never less than a millisecond."""
        return max(self._ends_at - time.monotonic(), 0.001)

    async def hold(self, attempt: Callable[[Session], Awaitable[None]]) -> int:
        """Connect and attempt, again and again, until an attempt comes through. Returns the exit code."""
        eager_until = time.monotonic() + _EAGER_S
        while self.left_s > 0.001:
            pause_s = _FIRST_PAUSE_S if time.monotonic() < eager_until else _LONGEST_PAUSE_S
            self._trying = asyncio.create_task(self._try(attempt))
            try:
                await self._trying
                return 0
            except asyncio.CancelledError:
                if not self._dropping:
                    raise
                self._dropping = False
                self._drop()
            except LOST as error:
                self._drop()
                if isinstance(error, Broken):
                    eager_until = time.monotonic() + _EAGER_S
                elif isinstance(error, HttpError):  # there is somebody, who is not ready
                    pause_s = max(_LONGEST_PAUSE_S, asked_pause_s(error))
            except Vanished as error:
                self.journal.write(Type.FAIL, Op.OUTPUT, reason="vanished", error=str(error))
                return 1
            except NotShown:
                pass
            except (Refused, RpcError, ProtocolViolation) as error:
                self._refusals += 0 if self.patience.bears(error) else 1
                if self._refusals == _REFUSALS:
                    self.journal.write(Type.FAIL, Op.OUTPUT, reason="refused", error=excerpt(error))
                    return 1
                pause_s = _LONGEST_PAUSE_S
            except DeadlineExceeded:
                break
            away_s, self._away_s = self._away_s, 0.0
            await asyncio.sleep(max(pause_s, away_s))
        self.journal.write(Type.INFO, Op.END, reason="client deadline", deadline_s=self.job.deadline_s)
        return 1

    async def _try(self, attempt: Callable[[Session], Awaitable[None]]) -> None:
        if self._dropping:
            self.journal.write(Type.INFO, Op.CONNECT, dropped=True)
            self._dropping = False
            raise Broken("dropped at once")
        session = await self._connect()
        await attempt(session)
        if self._host is None:  # over stdio that would be the end of the server
            await session.close()

    async def _connect(self) -> Session:
        if self.session is None and self.stream is not None and self.stream.resumable:
            self.session = rejoining(self.job.url, self.job.protocol, self.job.headers, self.stream)
        elif self.session is None and self._left is not None:
            self.session = await self._take_up(self._left)
        self._left = None
        if self.session is None:
            self.session = await (self._open() if self._host is None else self._open_piped(self._host))
            named = {"session": True} if self.session.session_id is not None else {}
            self.journal.write(Type.OK, Op.CONNECT, protocol=self.session.protocol, **named)
            self.questions.connected()
        return self.session

    async def _take_up(self, left: Session) -> Session | None:
        """The session whose connections were lost, as a client keeps its id until it is told otherwise; None then."""
        session = taken_up(self.job.url, self.job.headers, left)
        try:
            await session.call("ping", {}, deadline_s=self.left_s)
        except (Unreachable, Broken, DeadlineExceeded):
            session.abort()
            raise
        except WireError as error:
            if not (isinstance(error, RpcError) and error.code == METHOD_NOT_FOUND):
                session.abort()
                return None
        self.journal.write(Type.OK, Op.CONNECT, protocol=session.protocol, again=True)
        self.questions.connected()
        return session

    async def _open(self) -> Session:
        return await Session.open(
            self.job.url,
            protocol=self.job.protocol,
            deadline_s=self.left_s,
            headers=self.job.headers,
            extensions=self._extensions,
        )

    async def _open_piped(self, host: Host) -> Session:
        """Over the pipes of the server's present life, or of the next one that there is."""
        try:
            pipes = await asyncio.wait_for(host.pipes(), self.left_s)
        except TimeoutError:
            raise DeadlineExceeded("nobody has started the server again") from None
        return await self._introduced(pipes)

    async def host_others(self, host: Host) -> None:
        """The job is done: introduce oneself to each further life of the server, for those who speak over our pipes."""
        while True:
            pipes = await host.pipes()
            if not pipes.introduced.is_set():
                with contextlib.suppress(WireError):
                    await self._introduced(pipes)
            await pipes.ended.wait()

    async def _introduced(self, pipes: Pipes) -> Session:
        return await Session.over(
            Stdio(pipes), protocol=self.job.protocol, deadline_s=self.left_s, extensions=self._extensions
        )

    def _drop(self) -> None:
        if self.session:
            self.session.abort()
        self.session = None

    def drop_connections(self) -> None:
        """Lose every connection at once and without a word; the attempt under way breaks, or else the next one.

        The job says how long we stay away then.
        """
        self._away_s = self.job.away_s
        if self.session:
            self._left = self.session if self.session.session_id is not None else None
            self.journal.write(Type.INFO, Op.CONNECT, dropped=True)
            self.session.abort()
        elif self._trying and not self._trying.done():
            self.journal.write(Type.INFO, Op.CONNECT, dropped=True)
            self._dropping = True
            self._trying.cancel()
        else:
            self._dropping = True

    async def leave(self) -> None:
        """Say goodbye as a polite client does; the attempt under way breaks."""
        if self.session:
            with contextlib.suppress(WireError, TimeoutError):
                await asyncio.wait_for(self.session.close(), timeout=2.0)

    def progress(self, done: float, total: float | None, _message: str | None = None) -> bool:
        """Journal progress, in records; whether it is news. Where no total comes with it, the profile may say it."""
        records = self.job.records
        total = constant_total(self.job.observe, records) if total is None else total
        if total is None:
            told = {"progress": done}
            self.sight.missing("a progress notification", told, {"total": self.job.observe.path("total")})
        if not total:
            return False
        self.told = True
        done = in_records(done, total, self.job.observe, records, self.job.batch)
        self._gets_on(done)
        return self.journal.once(Op.PROGRESS, done=done, total=records)

    def _gets_on(self, done: int) -> None:
        """Whoever gets further is ready: what he refuses later, killed once more, he refuses for the first time."""
        if done > self._furthest:
            self._furthest, self._refusals = done, 0
            self.patience.served()

    async def output(self, session: Session, document: Any, status: str, around: Any = None) -> None:
        """Journal the final output: what the document says, and the records behind it where the profile knows."""
        output = Output(session, self.job, self.sight, document, self.journal.task, around)
        asked_at = time.monotonic()
        try:
            value = await output.read(status)
        except SubjectError as error:
            self.journal.write(Type.FAIL, Op.OUTPUT, reason="unreadable output", error=str(error))
            return
        if isinstance(records := value["records"], Table):
            RunFolder(Path(self.job.folder)).save_table(records)
            value["records"] = records.reference()
        kept_elsewhere = self.job.observe.records is not None and bool(self.job.observe.records.sources)
        shape = shape_of(document, lists=not (self.job.kind.blocking and kept_elsewhere))
        shown = {"shape": shape, "errors": errors_in(document)}
        with self.journal.about({"request": session.numbers.latest, "asked_at": asked_at}):
            self.journal.write(Type.OK, Op.OUTPUT, **value, **shown)
