"""The durable family: a call that answers at once with its task's resource; the work goes on in the background."""

from __future__ import annotations

import mcp_types as mt
from fastmcp import Context
from fastmcp.server.providers.local_provider import LocalProvider
from fastmcp.tools.base import ToolResult

from reference_server import limits
from reference_server.asking import engine_of, refusing, submission
from reference_server.engine import Engine
from reference_server.errors import Refusal
from reference_server.jobs import MIGRATION
from reference_server.sources import count_up_to, file_source
from reference_server.store import Task

provider = LocalProvider()
_JSON = "application/json"


@provider.tool
async def start_data_migration(
    ctx: Context, source_path: str, destination_path: str, record_count: int = 1000, batch_size: int = 100
) -> ToolResult:
    """Copy records from a file in the data root to another, in the background; answers at once with its resource.

    Both files are .jsonl or .csv. record_count: at most so many. A migration goes on after any crash. Started
    again with the same arguments while it is unfinished, it is the same task.
    """
    with refusing():
        task = await _submit_migration(engine_of(ctx), source_path, destination_path, record_count, batch_size)
        return _started(task, f"Migration of {task.total} records")


def _started(task: Task, what: str) -> ToolResult:
    uri = f"task://status/{task.task_id}"
    return ToolResult(
        content=[
            mt.TextContent(type="text", text=f"{what} started: follow it at {uri}"),
            mt.ResourceLink(type="resource_link", name=f"task {task.task_id}", uri=uri, mime_type=_JSON),
        ],
        structured_content={"task_id": task.task_id, "status": task.status, "resource_uri": uri},
    )


async def _submit_migration(engine: Engine, source: str, destination: str, record_count: int, batch_size: int) -> Task:
    limits.number("record_count", record_count, limits.MOST_RECORDS)
    limits.number("batch_size", batch_size, limits.LARGEST_BATCH)
    root = engine.root
    source_path, destination_path = root.resolve(source, "source_path"), root.resolve(destination, "destination_path")
    if not source_path.is_file():
        raise Refusal(f"there is no file {source!r} in the data root")
    if source_path == destination_path or (destination_path.exists() and destination_path.samefile(source_path)):
        raise Refusal("source_path and destination_path are the same file: it would be overwritten")
    if destination_path.is_dir():
        raise Refusal(f"the destination_path {destination!r} is a folder")
    read_from = file_source(source_path)
    file_source(destination_path)
    available = await engine.work(count_up_to, read_from, record_count)
    if not available:
        raise Refusal(f"{source!r} has no records")
    parameters = {"source_path": source, "destination_path": destination, "record_count": record_count}
    return await engine.submit(
        MIGRATION,
        submission(MIGRATION, "", {**parameters, "batch_size": batch_size}),
        {**parameters, "fingerprint": read_from.fingerprint()},
        total=available,
        batch_size=batch_size,
        target=str(destination_path),
    )
