"""The commands. Each takes the open client and the options, and returns what it has come to."""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from reference_client import questions, words
from reference_client.answers import STATUSES
from reference_client.client import DurableClient
from reference_client.errors import ClientError, Exit, NotFound, UsageError
from reference_client.state import ENDED, Phase
from reference_client.words import Outcome

Command = Callable[[DurableClient, argparse.Namespace], Awaitable[Outcome]]
_SEVERITY = (
    Exit.DONE,
    Exit.UNFINISHED,
    Exit.FAILED,
    Exit.GONE,
    Exit.UNCERTAIN,
    Exit.UNREACHABLE,
    Exit.USAGE,
)


# --- jobs


async def process(client: DurableClient, options: argparse.Namespace) -> Outcome:
    """Process a dataset with the resumable tool."""
    arguments = {"dataset_name": options.dataset, "total_records": options.records, "batch_size": options.batch_size}
    return await _start(client, options, "resumable_data_processing", arguments)


async def migrate(client: DurableClient, options: argparse.Namespace) -> Outcome:
    """Migrate records from a file to another."""
    arguments = {
        "source_path": options.source,
        "destination_path": options.destination,
        "record_count": options.records,
        "batch_size": options.batch_size,
        "confirm": options.confirm or None,
    }
    return await _start(client, options, "start_data_migration", arguments)


async def batch(client: DurableClient, options: argparse.Namespace) -> Outcome:
    """Process items in batches."""
    arguments = {
        "batch_size": options.batch_size,
        "total_items": options.items,
        "processing_delay": options.delay_s,
    }
    return await _start(client, options, "start_batch_processing", arguments)


async def train(client: DurableClient, options: argparse.Namespace) -> Outcome:
    """Train a model."""
    arguments = {"model_name": options.model, "dataset_size": options.dataset_size, "epochs": options.epochs}
    return await _start(client, options, "start_ml_training", arguments)


async def start(client: DurableClient, options: argparse.Namespace) -> Outcome:
    """Start a job with any tool."""
    try:
        arguments = json.loads(options.arguments)
    except ValueError as error:
        raise UsageError(f"the arguments are not JSON: {error}") from None
    if not isinstance(arguments, dict):
        raise UsageError('the arguments must be a JSON object, such as {"path": "in.jsonl"}')
    return await _start(client, options, options.tool, arguments)


async def _start(client: DurableClient, options: argparse.Namespace, tool: str, arguments: dict[str, Any]) -> Outcome:
    given = {name: value for name, value in arguments.items() if value is not None}
    repeatable = getattr(options, "repeatable", False)
    job = await client.submit(tool, given, name=options.job, new=options.new, repeatable=repeatable)
    if options.detach and not job.ended:
        lines = [
            f"{job.task_uri or job.task_id or 'The task'} is running at the server as job {job.job_id}.",
            back(options, job.job_id),
        ]
        return Outcome(Exit.DONE, {"jobs": [words.job_document(job)]}, lines)
    return await _followed(client, [job.job_id])


async def watch(client: DurableClient, options: argparse.Namespace) -> Outcome:
    """Come back to jobs and follow them to their end."""
    chosen = [await _job_id(client, reference) for reference in options.references]
    return await _followed(client, chosen or _open(client))


async def resume(client: DurableClient, options: argparse.Namespace) -> Outcome:
    """Let paused tasks go on, and follow them."""
    chosen = [await _job_id(client, reference) for reference in options.references] or _open(client)
    for job_id in chosen:
        if client.state.jobs[job_id].phase is Phase.UNCERTAIN and options.again:
            client.submit_again(job_id)
        elif client.state.jobs[job_id].task_id and not client.state.jobs[job_id].ended:
            _, seen = await questions.status(client, job_id)
            if seen.status == "paused":
                await questions.resume(client, job_id)
    if options.detach:
        for job_id in chosen:
            await client.acknowledged(job_id)
        return _told(client, chosen, [back(options)])
    return await _followed(client, chosen)


async def _job_id(client: DurableClient, reference: str) -> str:
    job = client.job(reference) or await questions.adopt(client, reference)
    return job.job_id


def _open(client: DurableClient) -> list[str]:
    """What there is to come back to: what has not ended, and what has ended unseen."""
    return [job.job_id for job in client.state.jobs.values() if not job.ended or not job.delivered]


async def _followed(client: DurableClient, job_ids: Iterable[str]) -> Outcome:
    """Follow the jobs, all at once, and tell what became of each."""
    chosen = list(dict.fromkeys(job_ids))
    if not chosen:
        return Outcome(Exit.DONE, {"jobs": []}, ["Nothing is under way."])
    found = await asyncio.gather(*(client.wait(job_id) for job_id in chosen), return_exceptions=True)
    codes, lines, errors = [Exit.DONE], [], {}
    for job_id, end in zip(chosen, found, strict=True):
        if isinstance(end, ClientError):
            codes.append(end.exit)
            errors[job_id] = str(end)
            lines.append(f"{job_id}: {end}")
        elif isinstance(end, BaseException):
            raise end
        else:
            code, told = words.ended(end)
            codes.append(code)
            lines += told
    document = _told(client, chosen, []).document
    exit_code = max(codes, key=_SEVERITY.index)
    delivers = [job_id for job_id in chosen if client.state.jobs[job_id].phase in ENDED]
    return Outcome(exit_code, {**document, "errors": errors}, lines, delivers)


def _told(client: DurableClient, job_ids: Iterable[str], lines: list[str]) -> Outcome:
    jobs = [words.job_document(client.state.jobs[job_id]) for job_id in job_ids]
    return Outcome(Exit.DONE, {"jobs": jobs}, lines)


# --- questions


async def list_tasks(client: DurableClient, options: argparse.Namespace) -> Outcome:
    """List the server's tasks and our jobs."""
    rows = await questions.listing(client, options.status)
    if options.mine:
        rows = [row for row in rows if row.job_id]
    documents = [{**words.snapshot_document(row.seen, None), "kind": row.kind, "job": row.job_id} for row in rows]
    return Outcome(Exit.DONE, {"tasks": documents, "statuses": STATUSES}, words.table(rows))


async def status(client: DurableClient, options: argparse.Namespace) -> Outcome:
    """Ask for one task."""
    job, seen = await questions.status(client, options.reference)
    if job is not None and (job.phase in (Phase.LOST, Phase.EXPIRED)):
        raise NotFound(f"the task of job {job.job_id} is {job.phase}: {job.error}")
    return _seen(client, options, job, seen)


async def cancel(client: DurableClient, options: argparse.Namespace) -> Outcome:
    """Cancel a task."""
    return _seen(client, options, client.job(options.reference), await questions.cancel(client, options.reference))


async def pause(client: DurableClient, options: argparse.Namespace) -> Outcome:
    """Pause a task."""
    return _seen(client, options, client.job(options.reference), await questions.pause(client, options.reference))


async def answer(client: DurableClient, options: argparse.Namespace) -> Outcome:
    """Answer what a task asks for."""
    try:
        responses = json.loads(options.responses)
    except ValueError as error:
        raise UsageError(f"the responses are not JSON: {error}") from None
    if not isinstance(responses, dict):
        raise UsageError("the responses must be a JSON object: the key of each question, and its answer")
    seen = await questions.answer(client, options.reference, responses)
    return _seen(client, options, client.job(options.reference), seen)


def _seen(client: DurableClient, options: argparse.Namespace, job: Any, seen: Any) -> Outcome:
    lines = words.status_lines(seen, job, options.reference)
    delivers = [job.job_id] if job is not None and client.writable else []
    return Outcome(Exit.DONE, words.snapshot_document(seen, job), lines, delivers)


async def stats(client: DurableClient, options: argparse.Namespace) -> Outcome:
    """What the server counts."""
    found = await questions.statistics(client)
    return Outcome(Exit.DONE, found, words.statistics_lines(found))


async def session(client: DurableClient, options: argparse.Namespace) -> Outcome:
    """Who we are to the server, and what we have under way."""
    told = await questions.session(client)
    state = client.state
    document = {
        "client_id": state.client_id,
        "session_id": state.session_id,
        "server": state.server,
        "protocol": state.protocol,
        "state_file": str(client.path),
        "server_says": told,
        "active": [words.job_document(job) for job in state.unfinished],
        "completed": [words.job_document(job) for job in state.finished],
    }
    return Outcome(Exit.DONE, document, [*words.summary(state, told), f"   State file: {client.path}"])


async def forget(client: DurableClient, options: argparse.Namespace) -> Outcome:
    """Take jobs out of the state."""
    chosen = list(options.references)
    if options.ended:
        chosen += [job.job_id for job in client.state.finished]
    if not chosen:
        raise UsageError("name the jobs to forget, or give --ended")
    gone = [client.forget(reference) for reference in dict.fromkeys(chosen)]
    lines = [f"Forgotten: job {job.job_id} ({job.phase}){_still(job.task_id, job.ended)}" for job in gone]
    return Outcome(Exit.DONE, {"forgotten": [words.job_document(job) for job in gone]}, lines)


def _still(task_id: str | None, ended: bool) -> str:
    return f"; its task {task_id} stays at the server" if task_id and not ended else ""


def back(options: argparse.Namespace, job_id: str = "") -> str:
    """How to come back."""
    state = f" --state {options.state}" if options.state else ""
    return f"Come back with: python -m reference_client --server {options.server}{state} watch {job_id}".rstrip()
