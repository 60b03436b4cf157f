"""Whoever asks something of the server about the job's task, beside the client that follows it.

It lives in the lab, and is never killed. What it sees of a task is kept apart from what the client sees: which of the
two was answered first nobody knows.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from mcp_crashtest.contracts import operations
from mcp_crashtest.contracts.absence import LONGEST_S
from mcp_crashtest.contracts.catalogue import CONTRACTS
from mcp_crashtest.contracts.contract import ENDS, Refused, Seen, Vanished
from mcp_crashtest.contracts.job import Job
from mcp_crashtest.contracts.observing import in_records
from mcp_crashtest.contracts.warming import Patience
from mcp_crashtest.model.errors import UsageError
from mcp_crashtest.model.faults import POISON
from mcp_crashtest.model.offers import ANSWER, ASKS, Principal
from mcp_crashtest.model.operation import Op, Type, name_of
from mcp_crashtest.model.proof import Proof
from mcp_crashtest.model.text import excerpt
from mcp_crashtest.stage.hosting import Hosting
from mcp_crashtest.stage.poisoning import poisoned
from mcp_crashtest.subjects.subject import Subject
from mcp_crashtest.wire.errors import HttpError, RpcError, WireError
from mcp_crashtest.wire.messages import is_stateless
from mcp_crashtest.wire.session import Session

if TYPE_CHECKING:
    from mcp_crashtest.stage.stage import Stage

OWNER = "operator"
_ORDERS = {"cancel": Op.CANCEL, "pause": Op.PAUSE, "resume": Op.RESUME, ANSWER: Op.ANSWER}
_LONGEST_ANSWER_S = 10.0
_TURNED_AWAY = (401, 403)
_PAUSE_S = 0.02
_LEAVING_S = 0.02  # for a request to get from us into the socket of a server that stands still

T = TypeVar("T")


@dataclass(slots=True)
class Operator:
    """One who asks. ``job`` says whose task it is, and how one looks at it; ``principal`` is who asks.

    ``hosting`` has whoever holds the server's pipes, where it is spoken to over them.
    """

    subject: Subject
    stage: Stage
    job: Callable[[], Job]
    name: str = OWNER
    principal: Principal | None = None
    hosting: Hosting | None = None
    _session: Session | None = None
    _life: int = 0

    async def open(self) -> None:
        """Get ready to ask, once the server answers; raises WireError where it does not in time."""
        ends_at = time.monotonic() + self.subject.ready_deadline_s
        job = self.job()
        while True:
            try:
                self._life = len(self.stage.lives)
                self._session = await self._hosting.session(
                    job,
                    deadline_s=_LONGEST_ANSWER_S,
                    headers=self.subject.headers_of(self.principal),
                    extensions=CONTRACTS[job.kind].EXTENSIONS,
                )
                return
            except WireError as error:
                gone = self.stage.site.killable and self.stage.server is None
                if gone or time.monotonic() > ends_at or getattr(error, "status", None) in _TURNED_AWAY:
                    raise
            await asyncio.sleep(_PAUSE_S)

    @property
    def _hosting(self) -> Hosting:
        return self.hosting or Hosting(self.subject)

    async def _ready(self) -> Session:
        """A session with the server's present life. One that stands still opens none; the stateless era needs none."""
        server = self.stage.server
        bears_it = server is not None and server.parked and is_stateless(self.job().protocol) and not self.job().piped
        if self._session is None or (self._life != len(self.stage.lives) and not bears_it):
            await self.open()
        assert self._session
        return self._session

    async def operate(self, name: str) -> Proof | None:
        """Ask for something by name: the proof that it was answered, None where the task is over, ended or lost."""
        began = time.monotonic()
        handle = await self._acknowledged()
        if name == POISON:
            return await poisoned(self.stage, self.subject, self.job(), self._hosting, self.principal)
        if handle is None:
            return None
        try:
            said = await self._answered(name, handle)
        except operations.Misfit as error:
            raise self._misfit(error) from error
        except Refused as error:
            if await self._is_over(handle):
                return None
            await self._refuse_misfit(name, str(error))
            return Proof(False, f"the server refused: {error}")
        except WireError as error:
            return Proof(False, f"nobody knows what came of it: {excerpt(error)}")
        return Proof(True, said, 0, time.monotonic() - began)

    async def _answered(self, name: str, handle: str) -> str:
        """Ask, and again where the server says that it is not ready, for as long as a start may take.

        Behind a restart an answer that is none may say so too, in words of its own.
        """
        patience = Patience(self.subject.ready_deadline_s, own_words_s=LONGEST_S if self.subject.patient else 0.0)
        misfits = Patience(0.0, own_words_s=LONGEST_S)
        if self.subject.patient and len(self.stage.lives) > 1:
            await self._shown(handle)
        while True:
            try:
                return await (self._order(name, handle) if name in _ORDERS else self._list(handle))
            except Refused as error:
                if self.stage.over or not patience.bears(error):
                    raise
            except operations.Misfit as error:
                if len(self.stage.lives) == 1 or not misfits.bears(error):
                    raise
                if self.stage.over:
                    raise Refused(str(error)) from error
            await self.stage.until_time(time.monotonic() + _PAUSE_S)

    async def _shown(self, handle: str) -> None:
        """Wait for the task to be shown: a server that answers before it is ready may say so to any order, too."""
        ends_at = time.monotonic() + LONGEST_S
        while not self.stage.over and time.monotonic() < ends_at:
            if self.stage.server is not None and self.stage.server.parked:
                return
            with suppress(WireError):
                if await self._seen(await self._ready(), handle) is not None:
                    return
            await self.stage.until_time(time.monotonic() + _PAUSE_S)

    async def answer(self) -> Proof | None:
        """Give the task what it asks for, once it asks; None where it has ended without, or the run has."""
        while (handle := await self._acknowledged()) is not None and not self.stage.over:
            with suppress(WireError):
                seen = await self._seen(await self._ready(), handle)
                if seen is not None and seen.status in ENDS:
                    return None
                if seen is not None and seen.status == ASKS:
                    return await self.operate(ANSWER)
            await self.stage.until_time(time.monotonic() + _PAUSE_S)
        return None

    async def _refuse_misfit(self, name: str, said: str) -> None:
        try:
            with suppress(WireError):
                contract = self.subject.profile.contract
                await operations.refuse_misfit(await self._ready(), contract, name, said, _LONGEST_ANSWER_S)
        except operations.Misfit as error:
            raise self._misfit(error) from error

    def _misfit(self, error: operations.Misfit) -> UsageError:
        return UsageError(f"the profile {self.subject.profile.name} does not fit its server: [contract] {error}")

    async def _acknowledged(self) -> str | None:
        """The task, once its client was given it; None where the run is over before.

        A server that stands still at a crash point, before it has answered the submission, goes on.
        """
        if self.job().handle is None:
            self.stage.let_go()
            await self.stage.until(lambda: self.job().handle is not None)
        return self.job().handle

    async def _order(self, name: str, handle: str) -> str:
        contract, op = self.subject.profile.contract, _ORDERS[name]
        session = await self._ready()

        async def ordered() -> Mapping[str, Any]:
            await operations.order(session, contract, name, handle, self.subject.values, _LONGEST_ANSWER_S)
            if not operations.is_advisory(contract, name):
                return self.stage.executions()
            seen = await self._seen(session, handle)
            return {"advisory": True, "status": seen.status if seen else None}

        await self._journalled(op, handle, ordered)
        return "acknowledged"

    async def _list(self, handle: str) -> str:
        contract, values = self.subject.profile.contract, self.subject.values
        session = await self._ready()
        if contract.offers("list"):
            words = self.subject.profile.observe.words

            async def listed() -> Mapping[str, Any]:
                found = await operations.listed(session, contract, words, handle, values, _LONGEST_ANSWER_S)
                there = any(name_of(str(listed)) == name_of(handle) for listed, _ in found.tasks)
                unknown = {} if there else await self._unknown(session, handle)
                return {"tasks": found.tasks, "complete": found.complete, **unknown}

            await self._journalled(Op.LISTING, handle, listed)
        if contract.stats is not None and self.name == OWNER:
            counting = contract.stats

            async def counted() -> Mapping[str, Any]:
                found = await operations.counted(session, counting, handle, values, _LONGEST_ANSWER_S)
                return {"counts": found, **await self._unknown(session, handle)}

            await self._journalled(Op.STATS, handle, counted)
        return "answered"

    async def _unknown(self, session: Session, handle: str) -> Mapping[str, Any]:
        """That this session cannot look at the task either: there are servers whose tasks belong to a session."""
        if session.session_id is not None:
            with suppress(WireError):
                if await self._seen(session, handle) is None:
                    return {"unknown": [handle]}
        return {}

    async def _journalled(self, op: Op, handle: str, asking: Callable[[], Awaitable[Mapping[str, Any]]]) -> None:
        """Journal before asking, and what came of it. A server that stands still goes on once it was asked."""
        self._write(Type.INVOKE, op, {}, handle)
        answering = asyncio.ensure_future(asking())
        try:
            if self.stage.server is not None and self.stage.server.parked:
                await asyncio.wait({answering}, timeout=_LEAVING_S)
                self.stage.let_go()
            value = await answering
        except (Refused, operations.Misfit) as error:
            self._write(Type.FAIL, op, {"error": excerpt(error)}, handle)
            raise
        except WireError as error:
            self._write(Type.INFO, op, {"error": excerpt(error)}, handle)
            raise
        finally:
            answering.cancel()
        self._write(Type.OK, op, value, handle)

    def _write(self, type_: Type, op: Op, value: Mapping[str, Any], task: str) -> None:
        who = {"principal": self.principal.name} if self.principal else {}
        self.stage.write(self.name, type_, op, {**value, **who}, task)

    async def trespass(self) -> Proof | None:
        """Cancel, see and list a task that is another's; it is up to the server to refuse.

        Cancel it first: a server that refuses that because the task has ended shows nothing.
        """
        handle = await self._acknowledged()
        if handle is None:
            return None
        contract, refused = self.subject.profile.contract, 0
        asking: list[Callable[[], Awaitable[object]]] = []
        if contract.offers("cancel"):
            asking.append(lambda: self._order("cancel", handle))
        asking.append(lambda: self._see(handle))
        if contract.offers("list"):
            asking.append(lambda: self._list(handle))
        for ask in asking:
            try:
                await ask()
            except (Refused, HttpError):
                refused += 1
            except operations.Misfit as error:
                raise self._misfit(error) from error
            except WireError as error:
                return Proof(False, f"nobody knows what came of it: {excerpt(error)}")
        return Proof(True, f"{refused} of {len(asking)} attempts were refused")

    async def _see(self, handle: str) -> None:
        session = await self._ready()

        async def seen() -> Mapping[str, Any]:
            found = await self._seen(session, handle)
            if found is None:
                raise Refused("there is no such task")
            return {"status": found.status}

        await self._journalled(Op.STATUS, handle, seen)

    async def look(self) -> Mapping[str, Any]:
        """The status of the task, and how many records are done, as far as they are shown at this moment."""
        job = self.job()
        if job.handle is None:
            return {}
        with suppress(WireError):
            seen = await self._seen(await self._ready(), job.handle)
            if seen is not None:
                done, total = seen.progress or (0, 0)
                return {
                    "status": seen.status,
                    "done": in_records(done, total, job.observe, job.records, job.batch) if total else None,
                }
        return {}

    async def _is_over(self, handle: str) -> bool:
        """Whether the task has ended, or is not there any more: what that is worth is seen by whoever follows it."""
        job = self.job()
        try:
            seen = await CONTRACTS[job.kind].look(await self._ready(), job, handle, _LONGEST_ANSWER_S)
        except Vanished:
            return True
        except (Refused, WireError):
            return False
        return seen.status in ENDS

    async def _seen(self, session: Session, handle: str) -> Seen | None:
        job = self.job()
        try:
            return await CONTRACTS[job.kind].look(session, job, handle, _LONGEST_ANSWER_S)
        except (Refused, Vanished, RpcError):
            return None

    async def close(self) -> None:
        """Leave."""
        if self._session:
            session, self._session = self._session, None
            session.abort()
