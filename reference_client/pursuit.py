"""The pursuit of one job: from wherever it stands to its end, over any number of crashes of the server.

A submission that was not acknowledged is made again where that is safe. What was acknowledged is never submitted anew:
a task with a handle is asked for by it, and a resumable tool is called again with the same client id and arguments,
which is how one attaches to its job.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from mcp_types import METHOD_NOT_FOUND, MISSING_REQUIRED_CLIENT_CAPABILITY

from reference_client import answers
from reference_client.answers import Snapshot, ToolAnswer
from reference_client.backoff import Patience
from reference_client.connection import Connection
from reference_client.errors import (
    Broken,
    ClientError,
    GivenUp,
    Interrupted,
    NotFound,
    Refused,
    TooLarge,
    Uncertain,
    Unfinished,
)
from reference_client.link import Link
from reference_client.state import ENDED, Contract, Job, Phase
from reference_client.statefile import StateFile, now

_NOT_SPOKEN = (METHOD_NOT_FOUND, MISSING_REQUIRED_CLIENT_CAPABILITY)
LISTING = "list_session_tasks"
_SHORTEST_POLL_S = 0.02
_LONGEST_POLL_S = 60.0
_SAVING_S = 0.3
_IDENTIFYING_S = 0.2
_IDENTIFYING_TIMES = 25
_GOING_ON = frozenset({"pending", "running"})
_HALTED = frozenset({"paused", "input_required"})


@dataclass(slots=True)
class Pursuit:
    """One job being followed. ``acknowledged`` is set as soon as the server is known to have it."""

    link: Link
    file: StateFile
    job_id: str
    poll_s: float
    on_change: Callable[[Job], object]
    acknowledged: asyncio.Event = field(default_factory=asyncio.Event)
    _patience: Patience = field(init=False)
    _saved_s: float = 0.0
    _latest: Job = field(init=False)

    def __post_init__(self) -> None:
        self._patience = self.link.patience()
        self._latest = self.file.state.jobs[self.job_id]
        if self._latest.phase is not Phase.SUBMITTING:
            self.acknowledged.set()

    @property
    def job(self) -> Job:
        """The job as it is known now; the file may be a moment behind in its progress, never in its phase."""
        return self._latest

    async def run(self) -> Job:
        """Follow it until it ends, is paused or waits for input; raises ClientError."""
        try:
            while not self.job.ended:
                if self.job.phase is Phase.UNCERTAIN:
                    raise uncertain(self.job)
                if self.job.contract in (Contract.RESOURCE_TASK, Contract.TASKS_EXTENSION):
                    await self._poll()
                else:
                    await self._call()
                if self.job.status in _HALTED:
                    break
            return self.job
        except Unfinished as error:
            raise Unfinished(f"{error}; {self._way_back()}") from error
        except TooLarge as error:
            raise TooLarge(f"{error}; {self._way_back()}") from error
        finally:
            self._save()
            self.acknowledged.set()

    def _way_back(self) -> str:
        """How to come back, where the pursuit ends and the job does not."""
        job = self.job
        match job.phase:
            case Phase.UNCERTAIN:
                return str(uncertain(job))
            case Phase.ACTIVE:
                return f"job {job.job_id} is {job.status}, and goes on at the server: 'watch {job.job_id}' follows it"
        if job.job_id not in self.file.state.jobs:
            return "the job was not submitted: start it again"
        return f"job {job.job_id} is kept: 'watch {job.job_id}' comes back to it"

    # --- a call: a submission, or a resumable tool called again

    async def _call(self) -> None:
        try:
            answer = await self.link.ask(self._called, repeatable=self.job.repeatable, patience=self._patience)
        except Interrupted as error:
            self._in_doubt(error)
            raise uncertain(self.job) from error
        except (GivenUp, Unfinished) as error:
            if isinstance(error, Unfinished) and error.may_have_happened:
                self._in_doubt(error)
            elif not self.job.repeatable:
                self.file.change(lambda state: state.without(self.job_id))  # it was never sent
            raise
        except TooLarge as error:
            self._in_doubt(error)
            raise
        except Refused as error:
            self._become(replace(self.job, phase=Phase.FAILED, status="failed", error=str(error), updated_at=now()))
            return
        self._understand(answer)
        if self.job.contract is Contract.RESUMABLE_TOOL and self.job.status in _GOING_ON:
            await self._pause_before_the_next_call()

    def _in_doubt(self, error: ClientError) -> None:
        """The call has ended without an answer: what may not be repeated is uncertain from now on."""
        if not self.job.repeatable:
            self._become(replace(self.job, phase=Phase.UNCERTAIN, error=str(error)))

    async def _pause_before_the_next_call(self) -> None:
        """The call has ended, and says itself that the task has not."""
        if not self.job.repeatable:
            why = "the tool says that its task goes on, and tells nothing to follow it by"
            self._become(replace(self.job, phase=Phase.FAILED, status="failed", error=why, updated_at=now()))
            return
        wait_s = self._patience.next_delay_s()
        if wait_s is None:
            raise Unfinished("the task does not get any further")
        await asyncio.sleep(self._patience.cut_s(max(wait_s, self.poll_s)))

    async def _called(self, connection: Connection) -> ToolAnswer | dict[str, Any] | Snapshot:
        """Call the tool and look meanwhile which task it is; an error answer is compared with what the task says."""
        job = self.job
        sent = dict(job.arguments)
        if job.idempotency_key:
            sent["idempotency_key"] = job.idempotency_key
        identifying = asyncio.create_task(self._identify(connection))
        try:
            answer = await connection.call_tool(job.tool, sent, self._on_progress, within_s=None)
        finally:
            identifying.cancel()
            await asyncio.wait({identifying})
        if isinstance(answer, ToolAnswer) and answer.is_error:
            return await self._truth(connection, answer)
        return answer

    async def _truth(self, connection: Connection, answer: ToolAnswer) -> ToolAnswer | Snapshot:
        """What became of a task whose call ended with an error: the call may have ended without the task."""
        if self.job.task_id is None:
            await self._identify_once(connection)
        if self.job.task_id is None:
            return answer
        row = await session_row(connection, self.file.state.client_id, self.job.task_id)
        if row is None:
            return answer
        seen = answers.snapshot_of(row)
        if seen.status in ("running", "pending"):
            raise Broken(f"the call has ended, and the task has not: {answer.text[:200]}")
        return replace(seen, error=answer.text[:300] if seen.status == "failed" else None, result=None)

    async def _identify(self, connection: Connection) -> None:
        if LISTING not in connection.offers or "client_id" not in self.job.arguments:
            return
        for _ in range(_IDENTIFYING_TIMES):
            if self.job.task_id is not None:
                return
            await asyncio.sleep(_IDENTIFYING_S)
            try:
                await self._identify_once(connection)
            except ClientError:
                return  # the call itself will say what is wrong

    async def _identify_once(self, connection: Connection) -> None:
        rows = await session_rows(connection, self.file.state.client_id)
        taken = frozenset(
            job.task_id for job in self.file.state.jobs.values() if job.task_id and job.job_id != self.job_id
        )
        if task_id := answers.matching(self.job, rows, taken):
            self._advance(Snapshot("running", task_id=task_id), Contract.RESUMABLE_TOOL)

    def _on_progress(self, progress: float, total: float | None, message: str | None) -> None:
        """Progress in a call that may be repeated shows that the server has the job."""
        if not self.job.repeatable or (self.acknowledged.is_set() and progress <= self.job.progress):
            return
        self._patience.alive()
        seen = Snapshot("running", progress=progress, total=total, message=message)
        self._advance(seen, self.job.contract or Contract.RESUMABLE_TOOL)

    def _understand(self, answer: ToolAnswer | dict[str, Any] | Snapshot) -> None:
        """From the first answer, which contract it is."""
        if isinstance(answer, Snapshot):
            self._advance(answer, Contract.RESUMABLE_TOOL)
        elif isinstance(answer, dict):
            self._advance(_handle_alone(answers.extension_snapshot(answer)), Contract.TASKS_EXTENSION)
        elif not answer.is_error and (uri := answers.handle_of(answer)):
            task_id = answers.task_id_of(uri, answer.structured)
            self._become(replace(self.job, task_uri=uri))
            self._advance(Snapshot("pending", task_id=task_id), Contract.RESOURCE_TASK)
        else:
            self._advance(answers.finished_call(answer), Contract.RESUMABLE_TOOL)

    # --- a handle: ask for exactly this task

    async def _poll(self) -> None:
        while True:
            contract = self.job.contract or Contract.RESOURCE_TASK
            try:
                seen = await self.link.ask(self._observed, patience=self._patience)
            except NotFound:
                self._become(answers.vanished(self.job, now()))
                return
            self._patience.alive()
            self._advance(seen, contract)
            if self.job.ended or self.job.status in _HALTED:
                return
            if self._patience.overdue:
                raise Unfinished("the deadline is over")
            asked_s = self.job.poll_interval_s if self.job.poll_interval_s is not None else self.poll_s
            await asyncio.sleep(self._patience.cut_s(min(max(asked_s, _SHORTEST_POLL_S), _LONGEST_POLL_S)))

    async def _observed(self, connection: Connection) -> Snapshot:
        return await observe(connection, self.job)

    # --- keeping

    def _advance(self, seen: Snapshot, contract: Contract) -> None:
        self._become(answers.advanced(self.job, seen, contract, now()))

    def _become(self, job: Job) -> None:
        """Keep it: at once where more than its progress changed, else a few times a second."""
        before, self._latest = self._latest, job
        if job == before:
            return
        told = replace(before, progress=job.progress, message=job.message, updated_at=job.updated_at, total=job.total)
        if job != told or time.monotonic() - self._saved_s >= _SAVING_S:
            self._save()
        if job.phase is Phase.ACTIVE or job.ended:
            self.acknowledged.set()
        self.on_change(job)

    def _save(self) -> None:
        if self.job_id in self.file.state.jobs:
            self.file.change(lambda state: state.with_job(self._latest))
            self._saved_s = time.monotonic()


def _handle_alone(seen: Snapshot) -> Snapshot:
    """What a submission's answer says of its task. One made again may find it ended: its end is told by tasks/get."""
    return replace(seen, status="running") if seen.status in ENDED else seen


def uncertain(job: Job) -> Uncertain:
    """What to tell of a job of which nobody knows whether the server has it."""
    return Uncertain(
        f"nobody knows whether job {job.job_id} ({job.tool}) has reached the server, and the tool has no idempotency "
        f"key. Look for it with 'list'; then 'resume {job.job_id} --again' submits it again, and 'forget {job.job_id}' "
        "lets it be"
    )


async def observe(connection: Connection, job: Job) -> Snapshot:
    """The task of an acknowledged job, as the server tells it; raises NotFound."""
    if job.contract is Contract.TASKS_EXTENSION and job.task_id:
        return await _observe_extension(connection, job.task_id)
    if job.task_uri:
        return answers.resource_snapshot(await connection.read(job.task_uri), job.task_uri)
    raise NotFound(f"job {job.job_id} has no handle to ask for")


async def _observe_extension(connection: Connection, task_id: str) -> Snapshot:
    """A task of the extension; over a connection without it, the resource that the server may have for the task."""
    try:
        return answers.extension_snapshot(await connection.task(task_id))
    except NotFound:
        raise
    except Refused as error:
        if error.code not in _NOT_SPOKEN:
            raise
        uri = f"task://status/{task_id}"
        try:
            return answers.resource_snapshot(await connection.read(uri), uri)
        except Refused:
            raise error from None


async def session_rows(connection: Connection, client_id: str) -> list[dict[str, Any]]:
    """The tasks that the server lists for this client; empty where it does not list any."""
    if LISTING not in connection.offers:
        return []
    answer = await connection.call_tool(LISTING, {"client_id": client_id})
    value = answer.value if isinstance(answer, ToolAnswer) and not answer.is_error else None
    rows = value.get("tasks") if isinstance(value, dict) else None
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


async def session_row(connection: Connection, client_id: str, task_id: str) -> dict[str, Any] | None:
    """The listed task of this id."""
    rows = await session_rows(connection, client_id)
    return next((row for row in rows if row.get("task_id") == task_id and row.get("status")), None)
