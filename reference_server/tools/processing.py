"""The resumable family: a call that can be made again after any crash, and continues."""

from __future__ import annotations

import json
from typing import Any

from fastmcp import Context
from fastmcp.exceptions import ToolError
from fastmcp.server.providers.local_provider import LocalProvider

from reference_server import limits
from reference_server.asking import engine_of, refusing, submission
from reference_server.engine import Engine
from reference_server.errors import Refusal
from reference_server.jobs import PROCESSING
from reference_server.sources import count_up_to, dataset
from reference_server.store import Task

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
        task = await _submit(engine, dataset_name, total_records, batch_size, client_id or ctx.session_id)
        if not task.finished:
            await _follow(engine, ctx, task)
        return await _processed(engine, task.task_id)


async def _submit(engine: Engine, dataset_name: str, total: int, batch_size: int, client_id: str) -> Task:
    limits.number("total_records", total, limits.MOST_RECORDS)
    limits.number("batch_size", batch_size, limits.LARGEST_BATCH)
    limits.identifier("client_id", client_id)
    source = dataset(engine.root, dataset_name)
    available = await engine.work(count_up_to, source, total)
    if available < total:
        raise Refusal(f"the dataset {dataset_name!r} has only {available} records, total_records asks for {total}")
    fingerprint = await engine.work(source.fingerprint)
    parameters = {
        "dataset_name": dataset_name,
        "total_records": total,
        "batch_size": batch_size,
        "fingerprint": fingerprint,
    }
    return await engine.submit(
        PROCESSING,
        submission(PROCESSING, client_id, parameters),
        {**parameters, "client_id": client_id},
        total=total,
        batch_size=batch_size,
    )


async def _follow(engine: Engine, ctx: Context, task: Task) -> None:
    """Report progress as it comes, never twice the same."""
    reported = 0
    async with engine.following(task.task_id) as updates:
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
                reported = update.progress


async def _processed(engine: Engine, task_id: str) -> dict[str, Any]:
    task = await engine.read(lambda store: store.get(task_id))
    if not task.finished:
        raise ToolError(f"the task {task_id} is not finished and the server stops: call again, and it continues")
    if task.status != "completed":
        raise ToolError(f"the task {task_id} is {task.status}: {task.error or task.message}")
    bodies = await engine.read(lambda store: store.bodies(task_id, 0, _FIRST_RECORDS))
    return {
        "task_id": task.task_id,
        "dataset_name": task.parameters["dataset_name"],
        "client_id": task.parameters["client_id"],
        "total_processed": task.progress,
        "records": [json.loads(body) for body in bodies],
        "records_uri": f"task://records/{task.task_id}/1",
        "digest": task.digest,
        "status": task.status,
    }
