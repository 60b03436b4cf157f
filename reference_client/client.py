"""The client as a library: submit a job, lose the process, come back, have the result.

    async with DurableClient("http://127.0.0.1:8001/mcp") as client:
        job = await client.run("start_data_migration", {"source_path": "in.jsonl", "destination_path": "out.jsonl"})
        print(job.result)

Run this again after ``kill -9``, of this process, of the server or of both: it comes back to the same task.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from reference_client.connection import Connection, Dialing
from reference_client.errors import GivenUp, Interrupted, NotFound, UsageError
from reference_client.events import Event, JobChanged, Notice
from reference_client.link import Bounds, Link
from reference_client.pursuit import Pursuit, uncertain
from reference_client.state import Job, Phase, State
from reference_client.statefile import StateFile, default_path, now

PATIENCE_S = 60.0
DEADLINE_S = 86_400.0
SILENCE_S = 120.0
POLL_S = 0.5
_SAYING_S = 10.0


class DurableClient:
    """A client of one server that can be killed at any moment and knows where it was.

    server: the URL of an MCP server over streamable HTTP.
    state: the file to keep the state in; by default one per server in the user's state folder.
    token: a bearer token, or what gives one; asked for at each connection, and never written anywhere.
    protocol: ``auto``, ``legacy`` for the handshake era, or a modern revision such as ``2026-07-28``.
    patience_s: how long the server may be away at a stretch before ``GivenUp`` is raised.
    deadline_s: how long all of it may take before ``Unfinished`` is raised.
    silence_s: how long a call may be silent before it is taken for dead.
    poll_s: how often to ask for a task whose server does not say how often.
    tasks_extension: whether to declare io.modelcontextprotocol/tasks, so that calls may become tasks of it.
    on_event: hears of every change; it is called from the event loop, and must return soon.
    exclusive: False to go on without the lock, reading and asking only, while another client holds the state.
    moved: the state file may belong to another URL: the same server has moved.

    Raises StateLocked or StateError when it is entered, if the state cannot be used. All errors are ClientError.
    """

    def __init__(
        self,
        server: str,
        *,
        state: Path | None = None,
        token: str | Callable[[], str | None] | None = None,
        protocol: str = "auto",
        patience_s: float = PATIENCE_S,
        deadline_s: float = DEADLINE_S,
        silence_s: float = SILENCE_S,
        poll_s: float = POLL_S,
        tasks_extension: bool = True,
        on_event: Callable[[Event], object] | None = None,
        exclusive: bool = True,
        moved: bool = False,
    ) -> None:
        self._server = server
        self._path = state or default_path(server)
        self._poll_s = poll_s
        self._tell = on_event or (lambda _: None)
        self._exclusive = exclusive
        self._moved = moved
        self._patience_s = patience_s
        self._away_since_s: float | None = None
        self._said_s = 0.0
        ask_token = token if callable(token) else lambda: token
        dialing = Dialing(
            server, protocol, ask_token, silence_s, tasks_extension, lambda text: self._tell(Notice(text))
        )
        self._link = Link(dialing, Bounds(patience_s, deadline_s), self._on_open, self._on_away)
        self._file: StateFile | None = None
        self._pursuits: dict[str, tuple[Pursuit, asyncio.Task[Job]]] = {}

    async def __aenter__(self) -> Self:
        self._file = StateFile(
            self._path,
            self._server,
            lambda text: self._tell(Notice(text, trouble=True)),
            exclusive=self._exclusive,
            moved=self._moved,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.detach()
        await self._link.close()
        self._opened.close()

    # --- what is known here

    @property
    def state(self) -> State:
        """All that is known, as it stands in the file."""
        return self._opened.state

    @property
    def path(self) -> Path:
        """The state file."""
        return self._path

    @property
    def writable(self) -> bool:
        """Whether this client holds the state's lock."""
        return self._opened.writable

    def job(self, reference: str) -> Job | None:
        """The job of this name, job id or task id, or of an unambiguous beginning of one; None if there is none.

        Raises UsageError where the beginning is that of several.
        """
        jobs = self.state.jobs
        if reference in jobs:
            return jobs[reference]
        exact = [job for job in jobs.values() if reference in (job.task_id, job.task_uri)]
        found = exact or [
            job
            for job in jobs.values()
            if job.job_id.startswith(reference) or (job.task_id or "").startswith(reference)
        ]
        if len(found) > 1 and reference:
            raise UsageError(
                f"{reference!r} is the beginning of several jobs: {', '.join(job.job_id for job in found)}"
            )
        return found[0] if found and reference else None

    def forget(self, reference: str) -> Job:
        """Take a job out of the state; its task, if there is one, stays as it is. Raises NotFound."""
        job = self.job(reference)
        if job is None:
            raise NotFound(f"this client knows no job {reference!r}")
        self._opened.change(lambda state: state.without(job.job_id))
        return job

    def delivered(self, job_id: str) -> None:
        """The user has the job's end: the same request made again is a new job."""
        job = self.state.jobs.get(job_id)
        if job and job.ended and not job.delivered:
            self._opened.change(lambda state: state.with_job(replace(job, delivered=True)))

    # --- jobs

    async def submit(
        self,
        tool: str,
        arguments: Mapping[str, Any],
        *,
        name: str | None = None,
        new: bool = False,
        repeatable: bool = False,
    ) -> Job:
        """Submit a job, or come back to the one there is, and return as soon as the server has acknowledged it.

        The same tool with the same arguments is the same job, until its end was delivered. With a ``name`` it is the
        same job for ever. ``new``: submit another one in any case. ``repeatable``: the tool's author promises that the
        same call made twice is one task, though its schema does not say so.

        Raises UsageError, Uncertain, Refused, GivenUp, Unfinished.
        """
        job = self._known(tool, arguments, name, new) or await self._begin(tool, arguments, name, repeatable)
        if job.phase is Phase.UNCERTAIN:
            raise uncertain(job)
        return await self.acknowledged(job.job_id)

    async def acknowledged(self, job_id: str) -> Job:
        """Follow a job until the server is known to have it; see ``submit``."""
        if not self.state.jobs[job_id].ended:
            pursuit, task = self._pursue(job_id)
            waiting = asyncio.create_task(pursuit.acknowledged.wait())
            await asyncio.wait({waiting, task}, return_when=asyncio.FIRST_COMPLETED)
            waiting.cancel()
            if task.done():
                task.result()
        return self.state.jobs[job_id]

    async def wait(self, reference: str) -> Job:
        """Follow a job until it ends, is paused or waits for input, over any number of crashes. Raises ClientError."""
        job = self.job(reference)
        if job is None:
            raise NotFound(f"this client knows no job {reference!r}")
        if job.ended:
            return job
        _, task = self._pursue(job.job_id)
        return await asyncio.shield(task)

    async def run(self, tool: str, arguments: Mapping[str, Any], *, name: str | None = None) -> Job:
        """Submit a job or come back to it, and follow it to its end, which then counts as delivered. See ``submit``."""
        job = await self.submit(tool, arguments, name=name)
        job = await self.wait(job.job_id)
        self.delivered(job.job_id)
        return job

    def submit_again(self, reference: str) -> Job:
        """The user's decision for an uncertain job: it may be submitted again, and may then run twice."""
        job = self.job(reference)
        if job is None or job.phase is not Phase.UNCERTAIN:
            raise UsageError(f"{reference!r} is no uncertain job: there is nothing to submit again")
        self._keep(replace(job, phase=Phase.SUBMITTING, error=None))
        return self.state.jobs[job.job_id]

    async def detach(self, jobs: Iterable[str] | None = None) -> None:
        """Stop following; the tasks go on at the server."""
        for job_id in list(self._pursuits) if jobs is None else jobs:
            _, task = self._pursuits.pop(job_id)
            task.cancel()
            await asyncio.wait({task})
            if not task.cancelled():
                task.exception()

    async def ask(self, question: Callable[[Connection], Any], *, repeatable: bool = True) -> Any:
        """Ask the server anything over the link that reconnects; see ``reference_client.questions``."""
        return await self._link.ask(question, repeatable=repeatable)

    def add(self, job: Job) -> None:
        """Keep a job that this client has not submitted itself."""
        self._keep(job)

    def keep(self, job: Job) -> None:
        """Keep what was learnt of a job, unless it is being followed, and so known better."""
        if job.job_id not in self._pursuits and job.job_id in self.state.jobs:
            self._keep(job)

    # --- within

    @property
    def _opened(self) -> StateFile:
        if self._file is None:
            raise RuntimeError("DurableClient must be entered: async with DurableClient(...) as client")
        return self._file

    def _keep(self, job: Job) -> None:
        self._opened.change(lambda state: state.with_job(job))

    def _known(self, tool: str, arguments: Mapping[str, Any], name: str | None, new: bool) -> Job | None:
        if new:
            return None
        if name is None:
            plain = dict(arguments)
            mine = {**plain, "client_id": self.state.client_id}
            return self.state.same_request(tool, mine) or self.state.same_request(tool, plain)
        job = self.state.jobs.get(name)
        if job and (job.tool != tool or {**job.arguments, **arguments} != job.arguments):
            raise UsageError(f"job {name!r} is another request ({job.tool}): give another --job, or forget that one")
        return job

    async def _begin(self, tool: str, arguments: Mapping[str, Any], name: str | None, repeatable: bool) -> Job:
        """Write the intent; the request follows."""
        offers = await self._link.ask(_offers)
        offer = offers.get(tool)
        if offer is None:
            raise UsageError(f"the server has no tool {tool!r}; it has {', '.join(sorted(offers)) or 'none'}")
        sent = dict(arguments)
        if offer.takes_client_id:
            sent.setdefault("client_id", self.state.client_id)
        job = Job(
            job_id=name or secrets.token_hex(4),
            tool=tool,
            arguments=sent,
            submitted_at=now(),
            repeatable=offer.repeatable or repeatable,
            idempotency_key=secrets.token_hex(16) if offer.takes_key else None,
        )
        if job.job_id in self.state.jobs:
            raise UsageError(f"there is a job {job.job_id!r}: give another --job, or forget that one")
        self._keep(job)
        return job

    def _pursue(self, job_id: str) -> tuple[Pursuit, asyncio.Task[Job]]:
        if job_id not in self._pursuits or self._pursuits[job_id][1].done():
            pursuit = Pursuit(self._link, self._opened, job_id, self._poll_s, lambda job: self._tell(JobChanged(job)))
            self._pursuits[job_id] = pursuit, asyncio.create_task(pursuit.run(), name=f"job {job_id}")
        return self._pursuits[job_id]

    def _on_open(self, connection: Connection) -> None:
        before = self.state
        if before.session_id and connection.session_id and before.session_id != connection.session_id:
            self._tell(Notice(f"Session ID of the server changed: {before.session_id} → {connection.session_id}"))
        if self._away_since_s is not None:
            away_s = time.monotonic() - self._away_since_s
            self._away_since_s = None
            self._tell(Notice(f"the server is back after {away_s:.1f} s"))
        session_id, protocol = connection.session_id, connection.protocol
        self._opened.change(lambda state: replace(state, session_id=session_id, protocol=protocol))

    def _on_away(self, error: Interrupted) -> None:
        """Say that the server is away, and then every ten seconds that it still is."""
        now_s = time.monotonic()
        if self._away_since_s is None:
            self._away_since_s = self._said_s = now_s
            self._tell(Notice(f"{error}; trying again for up to {self._patience_s:g} s", trouble=True))
        elif now_s - self._said_s >= _SAYING_S:
            self._said_s = now_s
            self._tell(Notice(f"the server is away for {now_s - self._away_since_s:.0f} s now: {error}", trouble=True))


async def _offers(connection: Connection) -> Mapping[str, Any]:
    return connection.offers


__all__ = ["DurableClient", "Event", "GivenUp", "JobChanged", "Notice"]
