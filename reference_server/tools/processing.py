"""The resumable family: a call that can be made again after any crash, and continues."""

from __future__ import annotations

import json
from typing import Any

from fastmcp import Context
from fastmcp.exceptions import ToolError
from fastmcp.server.providers.local_provider import LocalProvider

from reference_server import limits
from reference_server.datasets import dataset
from reference_server.engine import Engine
from reference_server.errors import Refusal
from reference_server.kinds.processing import KIND
from reference_server.lifecycle import Status
from reference_server.requests import digest, engine_of, percent, principal, refusing
from reference_server.task import Lasting, Submission, Task

provider = LocalProvider()
_FIRST_RECORDS = 5


@provider.tool
async def resumable_data_processing(
    ctx: Context,
    dataset_name: str = "unicode",
    total_records: int = 100,
    batch_size: int = 10,
    client_id: str | None = None,
) -> dict[str, Any]:
    """Process a dataset in batches, and report progress; called again with the same arguments, it continues.

    dataset_name: a .jsonl or .csv file in the data root, without its ending, or 'unicode', the Unicode character
    database. client_id: under which the job is found again; without it, that of the session, where there is one.
    """
    engine = engine_of(ctx)
    with refusing():
        wanted = await submission(engine, dataset_name, total_records, batch_size, client_id or ctx.session_id)
        task = await engine.submit(wanted)
        if task.runnable:
            await _follow(engine, ctx, task)
        task = await engine.read(lambda store: store.get(task.task_id))
        if task.status is Status.FAILED:
            await ctx.error(f"Error in processing: {task.error}")
        result = await _processed(engine, task)
        await ctx.info(f"Processing completed: {task.progress} records")
        return result


async def submission(engine: Engine, dataset_name: str, total: int, batch_size: int, client_id: str) -> Submission:
    """What is submitted: the same client's same request is the same task, until it fails or is cancelled."""
    limits.number("total_records", total, limits.MOST_RECORDS)
    limits.number("batch_size", batch_size, limits.LARGEST_BATCH)
    limits.identifier("client_id", client_id)
    owner = principal() or ""
    source = dataset(engine.root.of(owner), dataset_name)
    available, fingerprint = await engine.counting.count(owner, source, total)
    if available < total:
        raise Refusal(f"the dataset {dataset_name!r} has only {available} records, total_records asks for {total}")
    parameters = {
        "dataset_name": dataset_name,
        "total_records": total,
        "batch_size": batch_size,
        "client_id": client_id,
        "fingerprint": fingerprint,
    }
    return Submission(
        KIND,
        digest(KIND, owner, parameters),
        parameters,
        total=total,
        batch_size=batch_size,
        owner=owner,
        client_id=client_id,
        lasting=Lasting.UNLESS_FAILED,
    )


async def _follow(engine: Engine, ctx: Context, task: Task) -> None:
    """Report progress as it comes, never twice the same."""
    reported = 0
    async with engine.following(task) as updates:
        now = await engine.read(lambda store: store.get(task.task_id))
        if now.progress:
            await ctx.info(f"Resuming processing from record {now.progress}")
            await ctx.report_progress(now.progress, now.total, now.message)
            reported = now.progress
        else:
            await ctx.info(f"Starting processing of {now.total} records")
        async for update in updates:
            if update.progress > reported:
                await ctx.report_progress(update.progress, update.total, update.message)
                await ctx.debug(f"Batch {reported}-{update.progress} completed")
                reported = update.progress


async def _processed(engine: Engine, task: Task) -> dict[str, Any]:
    task_id = task.task_id
    if task.status is Status.PAUSED:
        raise ToolError(f"the task {task_id} is paused at {task.progress}/{task.total}: resume_task lets it go on")
    if not task.finished:
        raise ToolError(f"the task {task_id} is not finished and the server stops: call again, and it continues")
    if task.status is not Status.COMPLETED:
        raise ToolError(f"the task {task_id} is {task.status}: {task.error or task.message}")
    return await processed(engine, task)


async def processed(engine: Engine, task: Task) -> dict[str, Any]:
    """What a call is answered when its task is completed."""
    bodies = await engine.read(lambda store: store.bodies(task.task_id, 0, _FIRST_RECORDS))
    return {
        "task_id": task.task_id,
        "dataset_name": task.parameters["dataset_name"],
        "client_id": task.client_id,
        "total_processed": task.progress,
        "records": [json.loads(body) for body in bodies],
        "records_uri": f"task://records/{task.task_id}/1",
        "digest": task.digest,
        "status": task.status.value,
    }


@provider.tool
async def list_session_tasks(ctx: Context, client_id: str | None = None) -> dict[str, Any]:
    """The newest tasks that were started under a client id; without one, under that of the session."""
    engine, session = engine_of(ctx), ctx.session_id
    with refusing():
        known = limits.identifier("client_id", client_id or session)
        owner = principal() or ""
        tasks = await engine.read(lambda store: store.of_client(owner, known, limits.LISTED_TASKS))
    rows = [
        {
            "task_id": task.task_id,
            "task_name": task.kind,
            "status": task.status.value,
            "progress": f"{task.progress}/{task.total}",
            "progress_percent": percent(task),
            "created_at": task.created_at,
            "updated_at": task.updated_at,
        }
        for task in tasks
    ]
    return {"session_id": session, "persistent_id": known, "total_tasks": len(rows), "tasks": rows}


@provider.tool
async def get_checkpoint_stats(ctx: Context) -> dict[str, Any]:
    """How many checkpoints there are of each status; each task has one."""
    owner = principal()
    counts = await engine_of(ctx).read(lambda store: store.counts(owner))
    return {"checkpoint_stats": counts, "total_checkpoints": sum(counts.values())}


@provider.tool
async def get_session_info(ctx: Context, client_id: str | None = None) -> dict[str, Any]:
    """Ids of this session and request, and the client id under which tasks are kept.

    A session ends with the server, and on revision 2026-07-28 with the request; a client id of your own does not.
    """
    with refusing():
        known = limits.identifier("client_id", client_id) if client_id else ctx.client_id
    return {"session_id": ctx.session_id, "request_id": str(ctx.request_id), "client_id": known}
