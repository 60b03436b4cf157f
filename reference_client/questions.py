"""What can be asked of a server beside following a job: status, lists, cancel, pause, resume, statistics, session.

Each server has some of it. What it does not offer is said, and an answer that claims more than it did is not believed:
after a cancel the task itself is asked.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from reference_client import answers
from reference_client.answers import STATUSES, Snapshot, ToolAnswer
from reference_client.client import DurableClient
from reference_client.connection import Connection
from reference_client.errors import ClientError, NotFound, NotOffered, Refused, UsageError
from reference_client.pursuit import observe, session_row, session_rows
from reference_client.state import Contract, Job, Phase
from reference_client.statefile import now
from reference_client.text import shown

_SETTLING_S = 5.0
_LOOKING_S = 0.1
_PAGES = 20


@dataclass(frozen=True, slots=True)
class Row:
    """One task of a listing; ``job_id`` where it is one of ours."""

    task_id: str
    kind: str
    seen: Snapshot
    job_id: str | None = None


async def status(client: DurableClient, reference: str) -> tuple[Job | None, Snapshot]:
    """What the server says of a job or task now; raises NotFound with what became of it."""
    job = client.job(reference)
    if job is not None and (job.ended or job.phase is Phase.UNCERTAIN):
        return job, _kept(job)
    try:
        seen: Snapshot = await client.ask(lambda connection: _seen(connection, client, job, reference))
    except NotFound as error:
        raise _gone(client, job, reference, error) from None
    if job is not None and job.contract:
        job = answers.advanced(job, seen, job.contract, now())
        client.keep(job)
    return job, seen


async def _seen(connection: Connection, client: DurableClient, job: Job | None, reference: str) -> Snapshot:
    if job is not None and job.contract in (Contract.RESOURCE_TASK, Contract.TASKS_EXTENSION):
        return await observe(connection, job)
    task_id = job.task_id if job else reference
    if task_id is None:
        return Snapshot(job.status or "pending") if job else Snapshot("pending")
    if row := await session_row(connection, client.state.client_id, task_id):
        return answers.snapshot_of(row)
    uri = task_id if "://" in task_id else f"task://status/{task_id}"
    try:
        return answers.resource_snapshot(await connection.read(uri), uri)
    except Refused as error:
        if job is not None:
            raise
        return await _extension(connection, task_id, error)


async def _extension(connection: Connection, task_id: str, before: Refused) -> Snapshot:
    try:
        return answers.extension_snapshot(await connection.task(task_id))
    except Refused:
        raise before from None


def _gone(client: DurableClient, job: Job | None, reference: str, error: NotFound) -> NotFound:
    if job is None:
        return NotFound(
            f"there has never been a task {shown(reference)!r}, as far as the server and this client know ({error})"
        )
    after = answers.vanished(job, now())
    client.keep(after)
    return NotFound(f"the task of job {job.job_id} ({job.task_id}) is {after.phase}: {after.error}")


def _kept(job: Job) -> Snapshot:
    """What is kept of a job that has ended."""
    word = job.status if job.status in STATUSES else "pending"
    return Snapshot(word or "pending", job.task_id, job.progress, job.total, job.message, job.result, job.error)


async def listing(client: DurableClient, wanted: str | None = None) -> list[Row]:
    """The tasks that the server lists, for all or for this client, and our own; in the server's order."""
    if wanted is not None and wanted not in STATUSES:
        raise UsageError(f"--status {wanted!r}: there are {', '.join(STATUSES)}")
    found: dict[str, Row] = {}
    for body in await client.ask(lambda connection: _listed(connection, client, wanted)):
        if isinstance(body.get("task_id"), str) and "status" in body:
            seen = answers.snapshot_of(body)
            found.setdefault(body["task_id"], Row(body["task_id"], _kind(body), seen))
    for job in reversed(client.state.jobs.values()):
        row = found.get(job.task_id or "")
        if row is not None:
            found[row.task_id] = replace(row, job_id=job.job_id)
        elif job.contract is Contract.TASKS_EXTENSION and not job.ended:
            _, seen = await status(client, job.job_id)
            found[job.task_id or job.job_id] = Row(job.task_id or "", job.tool, seen, job.job_id)
        elif not job.delivered or job.phase is Phase.UNCERTAIN:
            found[job.task_id or job.job_id] = Row(job.task_id or "", job.tool, _kept(job), job.job_id)
    return [row for row in found.values() if wanted in (None, row.seen.status)]


def _kind(body: Mapping[str, Any]) -> str:
    return shown(body.get("kind") or body.get("task_name") or "", 60)


async def _listed(connection: Connection, client: DurableClient, wanted: str | None) -> list[Mapping[str, Any]]:
    rows: list[Mapping[str, Any]] = []
    uri: Any = f"task://list/{wanted}" if wanted else "task://list"
    with suppress(Refused, ValueError):  # a server without this resource
        for _ in range(_PAGES):
            body = json.loads(await connection.read(uri))
            tasks = body.get("tasks") if isinstance(body, dict) else None
            rows += [row for row in tasks if isinstance(row, dict)] if isinstance(tasks, list) else []
            uri = body.get("next") if isinstance(body, dict) else None
            if not isinstance(uri, str):
                break
    return rows + list(await session_rows(connection, client.state.client_id))


async def cancel(client: DurableClient, reference: str) -> Snapshot:
    """Cancel a task, and see that it is; raises NotFound, Refused."""
    job, before = await status(client, reference)
    if before.status in ("completed", "failed", "cancelled"):
        raise Refused(f"the task cannot be cancelled: it is {before.status}")
    task_id = _task_id(job, reference)
    if job is not None and job.contract is Contract.TASKS_EXTENSION:
        await client.ask(lambda connection: connection.cancel_task(task_id))
    else:
        await client.ask(lambda connection: _control(connection, "cancel_task", task_id))
    return await _settled(client, reference, "cancelled")


async def pause(client: DurableClient, reference: str) -> Snapshot:
    """Pause a task, and see that it is; raises NotFound, Refused."""
    job, _ = await status(client, reference)
    await client.ask(lambda connection: _control(connection, "pause_task", _task_id(job, reference)))
    return await _settled(client, reference, "paused")


async def resume(client: DurableClient, reference: str) -> Snapshot:
    """Let a paused task go on; raises NotFound, Refused."""
    job, _ = await status(client, reference)
    await client.ask(lambda connection: _control(connection, "resume_task", _task_id(job, reference)))
    _, seen = await status(client, reference)
    return seen


async def answer(client: DurableClient, reference: str, responses: dict[str, Any]) -> Snapshot:
    """Answer what a task has asked for: its keys, each with ``{"action": ..., "content": {...}}``.

    Raises NotFound, Refused.
    """
    job, before = await status(client, reference)
    if before.status != "input_required":
        raise Refused(f"the task asks for nothing: it is {before.status}")
    task_id = _task_id(job, reference)
    if job is not None and job.contract is Contract.TASKS_EXTENSION:
        await client.ask(lambda connection: connection.answer_task(task_id, responses))
    else:
        for key, response in responses.items():
            await client.ask(partial(_answer, task_id=task_id, key=key, response=response))
    _, seen = await status(client, reference)
    return seen


async def _answer(connection: Connection, *, task_id: str, key: str, response: Any) -> Any:
    given = response if isinstance(response, dict) else {}
    said = {"accept": given.get("action") == "accept", "content": given.get("content") or {}}
    return await _value(connection, "answer_task", {"task_id": task_id, "key": key, **said})


async def statistics(client: DurableClient) -> dict[str, Any]:
    """What the server counts: ``server`` and ``checkpoints``, each where it is offered; raises Refused."""
    found: dict[str, Any] = {}
    for name, tool in (("server", "get_server_stats"), ("checkpoints", "get_checkpoint_stats")):
        with suppress(NotOffered):
            found[name] = await client.ask(partial(_value, tool=tool, arguments={}))
    if not found:
        raise NotOffered("the server offers no statistics: neither get_server_stats nor get_checkpoint_stats")
    return found


async def session(client: DurableClient) -> dict[str, Any] | None:
    """What the server says of the session; None where it says nothing."""
    try:
        value = await client.ask(lambda connection: _session(connection, client.state.client_id))
    except NotOffered:
        return None
    return value if isinstance(value, dict) else {"text": shown(value)}


async def _session(connection: Connection, client_id: str) -> Any:
    offer = connection.offers.get("get_session_info")
    arguments = {"client_id": client_id} if offer and offer.takes_client_id else {}
    return await _value(connection, "get_session_info", arguments)


async def _control(connection: Connection, tool: str, task_id: str) -> Any:
    return await _value(connection, tool, {"task_id": task_id})


async def _value(connection: Connection, tool: str, arguments: dict[str, Any]) -> Any:
    """What a tool says; an error in its own words is Refused, or NotFound."""
    if tool not in connection.offers:
        raise NotOffered(f"the server does not offer {tool}")
    said = await connection.call_tool(tool, arguments)
    if not isinstance(said, ToolAnswer):
        raise Refused(f"{tool} has become a task, where an answer was expected")
    value = said.value
    error = said.text if said.is_error else value.get("error") if isinstance(value, dict) else None
    if error:
        unknown = "no task" in str(error).lower() or "not found" in str(error).lower()
        raise (NotFound if unknown else Refused)(shown(error))
    return value


async def _settled(client: DurableClient, reference: str, expected: str) -> Snapshot:
    """The task, once it is what was asked for, or has ended; raises Refused if neither comes."""
    end_s = time.monotonic() + _SETTLING_S
    while True:
        _, seen = await status(client, reference)
        if seen.status in (expected, "completed", "failed", "cancelled"):
            break
        if time.monotonic() > end_s:
            raise Refused(f"the server was asked, and the task is still {seen.status} after {_SETTLING_S:g} s")
        await asyncio.sleep(_LOOKING_S)
    if seen.status != expected:
        raise Refused(f"the task is not {expected}: it is {seen.status}")
    return seen


def _task_id(job: Job | None, reference: str) -> str:
    if job is None:
        return reference
    if job.task_id is None:
        raise ClientError(f"the server has not told the task's id of job {job.job_id} yet: watch it first")
    return job.task_id


async def adopt(client: DurableClient, reference: str) -> Job:
    """Make a job of a task that somebody else has started, to follow it; raises NotFound."""
    _, seen = await status(client, reference)
    task_id = reference.rstrip("/").rsplit("/", 1)[-1]
    uri = reference if "://" in reference else f"task://status/{task_id}"
    try:
        await client.ask(lambda connection: connection.read(uri))
        contract = Contract.RESOURCE_TASK
    except Refused:
        contract = Contract.TASKS_EXTENSION
    job = Job(
        job_id=task_id[:8],
        tool="adopted",
        arguments={},
        submitted_at=now(),
        repeatable=False,
        phase=Phase.ACTIVE,
        contract=contract,
        task_id=task_id,
        task_uri=uri if contract is Contract.RESOURCE_TASK else None,
        status=seen.status,
    )
    if job.job_id in client.state.jobs:
        job = replace(job, job_id=task_id)
    client.add(job)
    return job
