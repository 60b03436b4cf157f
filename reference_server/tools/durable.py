"""The durable family: a call that answers at once with its task's resource; the work goes on in the background."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from fastmcp import Context
from fastmcp.server.providers.local_provider import LocalProvider
from fastmcp.tools.base import ToolResult

from reference_server import limits, quotas
from reference_server.datasets import file_source
from reference_server.engine import Engine
from reference_server.errors import Refusal
from reference_server.kinds import batches, migration, training
from reference_server.requests import engine_of, principal, refusing, started, submission
from reference_server.sources import using
from reference_server.task import Submission

provider = LocalProvider()


@provider.tool
async def start_data_migration(
    ctx: Context,
    source_path: str,
    destination_path: str,
    record_count: int = 1000,
    batch_size: int = 100,
    confirm: bool = False,
    idempotency_key: str | None = None,
) -> ToolResult:
    """Copy records from a file in the data root to another, in the background; answers at once with its resource.

    Files are .jsonl, .csv or .db (SQLite). record_count: at most so many. confirm: ask before an existing file is
    overwritten. Started again with the same arguments while it is unfinished, or with the same idempotency_key, it is
    the same task.
    """
    with refusing():
        wanted = await _migration(
            engine_of(ctx), source_path, destination_path, record_count, batch_size, confirm, idempotency_key
        )
        return await _start(ctx, f"Migration of {wanted.total} records", wanted)


@provider.tool
async def start_batch_processing(
    ctx: Context,
    batch_size: int = 50,
    total_items: int = 500,
    processing_delay: float = 0.0,
    idempotency_key: str | None = None,
) -> ToolResult:
    """Stretch a key for each of total_items items, in the background; answers at once with its resource.

    processing_delay: seconds of rest after each batch.
    """
    with refusing():
        wanted = await _batch_processing(engine_of(ctx), batch_size, total_items, processing_delay, idempotency_key)
        return await _start(ctx, f"Batch processing of {total_items} items", wanted)


@provider.tool
async def start_ml_training(
    ctx: Context,
    model_name: str,
    dataset_size: int = 10_000,
    epochs: int = 100,
    idempotency_key: str | None = None,
) -> ToolResult:
    """Train a small neural network on generated samples, in the background; answers at once with its resource.

    The same model_name and dataset_size give the same weights, whatever is killed meanwhile.
    """
    with refusing():
        wanted = await _training(engine_of(ctx), model_name, dataset_size, epochs, idempotency_key)
        return await _start(ctx, f"Training over {epochs} epochs", wanted)


async def _start(ctx: Context, what: str, wanted: Submission) -> ToolResult:
    task = await engine_of(ctx).submit(wanted)
    await ctx.info(f"{what} started. Track progress at: task://status/{task.task_id}")
    return started(task, what)


async def _migration(
    engine: Engine,
    /,
    source_path: str,
    destination_path: str,
    record_count: int = 1000,
    batch_size: int = 100,
    confirm: bool = False,
    idempotency_key: str | None = None,
) -> Submission:
    limits.number("record_count", record_count, limits.MOST_RECORDS)
    limits.number("batch_size", batch_size, limits.LARGEST_BATCH)
    owner = principal() or ""
    root = engine.root.of(owner)
    source = root.resolve_readable(source_path, "source_path")
    destination = root.resolve(destination_path, "destination_path")
    with using(source_path):
        if not source.is_file():
            raise Refusal(f"there is no file {source_path!r} in the data root")
    with using(destination_path):
        if source == destination or (destination.exists() and destination.samefile(source)):
            raise Refusal("source_path and destination_path are the same file: it would be overwritten")
        if destination.is_dir():
            raise Refusal(f"the destination_path {destination_path!r} is a folder")
    read_from = file_source(source)
    file_source(destination)
    available, fingerprint = await engine.counting.count(owner, read_from, record_count)
    if not available:
        raise Refusal(f"{source_path!r} has no records")
    if owner:
        await engine.counting.turn(owner, quotas.check_files, engine.settings.quotas, root, destination)
    parameters = {
        "source_path": source_path,
        "destination_path": destination_path,
        "record_count": record_count,
        "confirm": confirm,
        "fingerprint": fingerprint,
    }
    return submission(
        migration.KIND,
        parameters,
        total=available,
        batch_size=batch_size,
        idempotency_key=idempotency_key,
        target=str(destination),
    )


async def _batch_processing(
    engine: Engine,
    /,
    batch_size: int = 50,
    total_items: int = 500,
    processing_delay: float = 0.0,
    idempotency_key: str | None = None,
) -> Submission:
    limits.number("total_items", total_items, limits.MOST_RECORDS)
    limits.number("batch_size", batch_size, limits.LARGEST_BATCH)
    limits.seconds("processing_delay", processing_delay, limits.LONGEST_DELAY_S)
    parameters = {"total_items": total_items, "processing_delay": processing_delay}
    return submission(
        batches.KIND, parameters, total=total_items, batch_size=batch_size, idempotency_key=idempotency_key
    )


async def _training(
    engine: Engine,
    /,
    model_name: str,
    dataset_size: int = 10_000,
    epochs: int = 100,
    idempotency_key: str | None = None,
) -> Submission:
    limits.identifier("model_name", model_name)
    limits.number("dataset_size", dataset_size, limits.LARGEST_DATASET)
    limits.number("epochs", epochs, limits.MOST_EPOCHS)
    parameters = {"model_name": model_name, "dataset_size": dataset_size, "epochs": epochs}
    return submission(training.KIND, parameters, total=epochs, batch_size=1, idempotency_key=idempotency_key)


# For the Tasks extension, which starts the same jobs: what a tool's call submits.
SUBMISSIONS: dict[str, Callable[..., Awaitable[Submission]]] = {
    "start_data_migration": _migration,
    "start_batch_processing": _batch_processing,
    "start_ml_training": _training,
}
