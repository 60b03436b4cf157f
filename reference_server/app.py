"""What clients see: tools and resources. They check what is asked, hand it to the engine, and say what became of it."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import mcp_types as mt
from fastmcp import Context, FastMCP
from fastmcp.exceptions import ToolError
from fastmcp.tools.base import ToolResult
from mcp.shared.exceptions import MCPError

from reference_server import limits
from reference_server.engine import Engine
from reference_server.errors import Refusal
from reference_server.jobs import MIGRATION, PROCESSING
from reference_server.sources import count_up_to, dataset, file_source
from reference_server.store import STATUSES, Task

NAME = "mcp-crashtest reference server"
_FIRST_RECORDS = 5
_JSON = "application/json"


def build(engine: Engine) -> FastMCP[Any]:
    """The server, with its tools and resources, around an engine that starts and stops with it."""

    @asynccontextmanager
    async def lifespan(_: FastMCP[Any]) -> AsyncIterator[None]:
        await engine.start()
        try:
            yield
        finally:
            await engine.stop()

    mcp: FastMCP[Any] = FastMCP(NAME, lifespan=lifespan, mask_error_details=True)
    tools = Tools(engine)
    for tool in (
        tools.resumable_data_processing,
        tools.start_data_migration,
        tools.cancel_task,
        tools.get_server_stats,
    ):
        mcp.tool(tool)
    resources = Resources(engine)
    mcp.resource("task://status/{task_id}", mime_type=_JSON)(resources.status)
    mcp.resource("task://list", mime_type=_JSON)(resources.listing)
    mcp.resource("task://list/{status}", mime_type=_JSON)(resources.listing_of)
    mcp.resource("task://records/{task_id}/{page}", mime_type=_JSON)(resources.records)
    return mcp


@dataclass(frozen=True, slots=True)
class Tools:
    """The tools."""

    engine: Engine

    async def resumable_data_processing(
        self,
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
        try:
            task = await self._submit_processing(dataset_name, total_records, batch_size, client_id or ctx.session_id)
            if not task.finished:
                await self._follow(ctx, task)
            return await self._processed(task.task_id)
        except Refusal as error:
            raise ToolError(str(error)) from None

    async def _submit_processing(self, dataset_name: str, total: int, batch_size: int, client_id: str) -> Task:
        limits.number("total_records", total, limits.MOST_RECORDS)
        limits.number("batch_size", batch_size, limits.LARGEST_BATCH)
        limits.identifier("client_id", client_id)
        source = dataset(self.engine.root, dataset_name)
        available = await self.engine.work(count_up_to, source, total)
        if available < total:
            raise Refusal(f"the dataset {dataset_name!r} has only {available} records, total_records asks for {total}")
        parameters = {"dataset_name": dataset_name, "total_records": total, "batch_size": batch_size}
        return await self.engine.submit(
            PROCESSING,
            _submission(PROCESSING, client_id, parameters),
            {**parameters, "client_id": client_id},
            total=total,
            batch_size=batch_size,
        )

    async def _follow(self, ctx: Context, task: Task) -> None:
        """Report progress as it comes, never twice the same."""
        reported = 0
        async with self.engine.following(task.task_id) as updates:
            now = await self.engine.read(lambda store: store.get(task.task_id))
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

    async def _processed(self, task_id: str) -> dict[str, Any]:
        task = await self.engine.read(lambda store: store.get(task_id))
        if not task.finished:
            raise ToolError(f"the task {task_id} is not finished and the server stops: call again, and it continues")
        if task.status != "completed":
            raise ToolError(f"the task {task_id} is {task.status}: {task.error or task.message}")
        bodies = await self.engine.read(lambda store: store.bodies(task_id, 0, _FIRST_RECORDS))
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

    async def start_data_migration(
        self, source_path: str, destination_path: str, record_count: int = 1000, batch_size: int = 100
    ) -> ToolResult:
        """Copy records from a file in the data root to another, in the background; answers at once with its resource.

        Both files are .jsonl or .csv. record_count: at most so many. A migration goes on after any crash. Started
        again with the same arguments while it is unfinished, it is the same task.
        """
        try:
            task = await self._submit_migration(source_path, destination_path, record_count, batch_size)
        except Refusal as error:
            raise ToolError(str(error)) from None
        uri = f"task://status/{task.task_id}"
        text = f"Migration of {task.total} records started: follow it at {uri}"
        return ToolResult(
            content=[
                mt.TextContent(type="text", text=text),
                mt.ResourceLink(type="resource_link", name=f"task {task.task_id}", uri=uri, mime_type=_JSON),
            ],
            structured_content={"task_id": task.task_id, "status": task.status, "resource_uri": uri},
        )

    async def _submit_migration(self, source: str, destination: str, record_count: int, batch_size: int) -> Task:
        limits.number("record_count", record_count, limits.MOST_RECORDS)
        limits.number("batch_size", batch_size, limits.LARGEST_BATCH)
        root = self.engine.root
        source_path, destination_path = (
            root.resolve(source, "source_path"),
            root.resolve(destination, "destination_path"),
        )
        if not source_path.is_file():
            raise Refusal(f"there is no file {source!r} in the data root")
        if source_path == destination_path or (destination_path.exists() and destination_path.samefile(source_path)):
            raise Refusal("source_path and destination_path are the same file: it would be overwritten")
        if destination_path.is_dir():
            raise Refusal(f"the destination_path {destination!r} is a folder")
        read_from = file_source(source_path)
        file_source(destination_path)
        available = await self.engine.work(count_up_to, read_from, record_count)
        if not available:
            raise Refusal(f"{source!r} has no records")
        parameters = {"source_path": source, "destination_path": destination, "record_count": record_count}
        return await self.engine.submit(
            MIGRATION,
            _submission(MIGRATION, "", {**parameters, "batch_size": batch_size}),
            {**parameters, "fingerprint": read_from.fingerprint()},
            total=available,
            batch_size=batch_size,
            target=str(destination_path),
        )

    async def cancel_task(self, task_id: str) -> str:
        """Cancel a task for good. What it has committed is kept; it never goes on."""
        known = task_id[: limits.LONGEST_ID]
        try:
            cancelled = await self.engine.cancel(known)
            task = await self.engine.read(lambda store: store.get(known))
        except Refusal as error:
            raise ToolError(str(error)) from None
        if not cancelled:
            raise ToolError(f"the task {known} cannot be cancelled: it is {task.status}")
        return f"Task {known} is cancelled: see task://status/{known}"

    async def get_server_stats(self) -> dict[str, Any]:
        """How many tasks there are of each status, and how many are being executed."""
        counts = await self.engine.read(lambda store: store.counts())
        statistics = {f"{status}_tasks": count for status, count in counts.items()}
        return {
            "total_tasks": sum(counts.values()),
            **statistics,
            "active_background_tasks": self.engine.active(),
            "server_time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        }


@dataclass(frozen=True, slots=True)
class Resources:
    """The resources, as JSON."""

    engine: Engine

    async def status(self, task_id: str) -> str:
        """One task: status, progress, result or error."""
        return json.dumps(shown(await self._task(task_id)))

    async def listing(self) -> str:
        """The newest tasks."""
        return await self._listing(None)

    async def listing_of(self, status: str) -> str:
        """The newest tasks of one status."""
        if status not in STATUSES:
            raise _not_found(f"there is no status {status[:40]!r}; there are {', '.join(STATUSES)}")
        return await self._listing(status)

    async def _listing(self, status: str | None) -> str:
        tasks = await self.engine.read(lambda store: store.listed(status, limits.LISTED_TASKS))
        counts = await self.engine.read(lambda store: store.counts())
        rows = [
            {**shown(task), "has_result": task.result is not None, "has_error": task.error is not None}
            for task in tasks
        ]
        matching = counts[status] if status else sum(counts.values())
        return json.dumps({"tasks": rows, "shown": len(rows), "total": matching, "filter": status or "all"})

    async def records(self, task_id: str, page: str) -> str:
        """The committed records of a task, a page at a time; ``next`` is the URI of the page behind it, or null."""
        task = await self._task(task_id)
        if not page.isdecimal() or not 1 <= len(page) <= 9 or int(page) < 1:
            raise _not_found("a page is a whole number from 1 on")
        first = (int(page) - 1) * limits.PAGE_RECORDS
        bodies = await self.engine.read(lambda store: store.bodies(task.task_id, first, limits.PAGE_RECORDS + 1))
        more = len(bodies) > limits.PAGE_RECORDS
        following = f"task://records/{task.task_id}/{int(page) + 1}" if more else None
        records = [json.loads(body) for body in bodies[: limits.PAGE_RECORDS]]
        return json.dumps({"task_id": task.task_id, "page": int(page), "records": records, "next": following})

    async def _task(self, task_id: str) -> Task:
        task = await self.engine.read(lambda store: store.find(task_id[: limits.LONGEST_ID]))
        if task is None:
            raise _not_found(f"there is no task {task_id[: limits.LONGEST_ID]!r}")
        return task


def shown(task: Task) -> dict[str, Any]:
    """A task as clients see it."""
    return {
        "task_id": task.task_id,
        "kind": task.kind,
        "status": task.status,
        "progress": task.progress,
        "total": task.total,
        "progress_percent": round(100 * task.progress / task.total, 1),
        "batch_size": task.batch_size,
        "message": task.message,
        "result_data": task.result,
        "error": task.error,
        "created_at": task.created_at,
        "updated_at": task.updated_at,
        "completed_at": task.completed_at,
    }


def _submission(kind: str, client_id: str, parameters: dict[str, Any]) -> str:
    """The same for the same request of the same client."""
    text = json.dumps([kind, client_id, parameters], sort_keys=True)
    return hashlib.sha256(text.encode("utf-8", errors="surrogatepass")).hexdigest()


def _not_found(message: str) -> MCPError:
    return MCPError(code=mt.INVALID_PARAMS, message=message)
