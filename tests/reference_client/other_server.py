"""A server of somebody else, with the contracts that the reference server does not have, or has differently.

``crunch`` becomes a task of io.modelcontextprotocol/tasks, and goes on after a restart. ``start_plain`` answers with a
resource's link and knows no idempotency key; ``start_keyed`` knows one. ``drop`` forgets a task. A file named ``gate``
in the folder holds answers back until it is removed. With ``--token`` every request needs that bearer token.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sqlite3
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import mcp_types as mt
import uvicorn
from fastmcp import FastMCP
from fastmcp.server.auth.providers.jwt import StaticTokenVerifier
from fastmcp.server.extensions import MethodBinding, ServerExtension
from mcp.shared.exceptions import MCPError
from mcp_types.version import MODERN_PROTOCOL_VERSIONS
from pydantic import Field

MODERN = frozenset(MODERN_PROTOCOL_VERSIONS)
POLL_MS = 40
STEP_S = 0.01


class GetParams(mt.RequestParams):
    task_id: str = Field(alias="taskId")


class UpdateParams(GetParams):
    input_responses: dict[str, Any] = Field(alias="inputResponses")


class Tasks:
    """All tasks of this server, in SQLite; each counts its steps, and goes on after a restart."""

    def __init__(self, folder: Path) -> None:
        self.gate = folder / "gate"
        self.db = sqlite3.connect(folder / "other.db", isolation_level=None)
        self.db.row_factory = sqlite3.Row
        self.db.execute("PRAGMA journal_mode=WAL")
        self.db.execute(
            "CREATE TABLE IF NOT EXISTS task (id TEXT PRIMARY KEY, key TEXT UNIQUE, tool, steps INTEGER, done INTEGER "
            "DEFAULT 0, status TEXT DEFAULT 'working', asks INTEGER, answer TEXT, ttl_ms INTEGER, created TEXT)"
        )
        self.working: set[asyncio.Task[None]] = set()

    def row(self, task_id: str) -> sqlite3.Row | None:
        found: sqlite3.Row | None = self.db.execute("SELECT * FROM task WHERE id = ?", (task_id,)).fetchone()
        return found

    def unfinished(self) -> list[str]:
        return [
            row["id"] for row in self.db.execute("SELECT id FROM task WHERE status IN ('working','input_required')")
        ]

    def add(
        self, tool: str, steps: int, *, key: str | None = None, asks: bool = False, ttl_ms: int | None = None
    ) -> str:
        known = self.db.execute("SELECT id FROM task WHERE key = ?", (key,)).fetchone() if key else None
        if known:
            return str(known["id"])
        task_id = uuid.uuid4().hex
        created = datetime.now(UTC).isoformat()
        values = (task_id, key, tool, steps, asks, ttl_ms, created)
        self.db.execute("INSERT INTO task (id, key, tool, steps, asks, ttl_ms, created) VALUES (?,?,?,?,?,?,?)", values)
        self.run(task_id)
        return task_id

    def change(self, task_id: str, **values: Any) -> None:
        names = ", ".join(f"{name} = ?" for name in values)
        self.db.execute(
            f"UPDATE task SET {names} WHERE id = ? AND status IN ('working','input_required')",
            (*values.values(), task_id),
        )

    def run(self, task_id: str) -> None:
        working = asyncio.create_task(self._work(task_id))
        self.working.add(working)
        working.add_done_callback(self.working.discard)

    async def _work(self, task_id: str) -> None:
        while (row := self.row(task_id)) and row["status"] in ("working", "input_required"):
            if row["asks"] and row["answer"] is None:
                self.change(task_id, status="input_required")
            elif row["done"] == row["steps"]:
                self.change(task_id, status="completed")
            else:
                self.change(task_id, done=row["done"] + 1, status="working")
            await asyncio.sleep(STEP_S)

    async def opened(self) -> None:
        while self.gate.exists():  # noqa: ASYNC110 - another process removes it
            await asyncio.sleep(0.01)


class DurableTasks(ServerExtension):
    identifier = "io.modelcontextprotocol/tasks"

    def __init__(self, tasks: Tasks) -> None:
        self.tasks = tasks

    def methods(self) -> list[MethodBinding]:
        return [
            MethodBinding("tasks/get", GetParams, self._get, protocol_versions=MODERN),
            MethodBinding("tasks/update", UpdateParams, self._update, protocol_versions=MODERN),
            MethodBinding("tasks/cancel", GetParams, self._cancel, protocol_versions=MODERN),
        ]

    async def intercept_tool_call(self, params: Any, context: Any, call_next: Any) -> Any:
        request = context.request_context
        if params.name != "crunch" or request is None or request.protocol_version not in MODERN:
            return await call_next()
        if context.client_extension_settings(self.identifier) is None:
            return await call_next()
        given = params.arguments or {}
        task_id = self.tasks.add(
            "crunch",
            given["steps"],
            key=given.get("idempotency_key"),
            asks=given.get("asks", False),
            ttl_ms=given.get("ttl_ms"),
        )
        await self.tasks.opened()
        return self._wire(task_id, "task")

    def _wire(self, task_id: str, result_type: str) -> dict[str, Any]:
        row = self.tasks.row(task_id)
        if row is None:
            raise MCPError(code=mt.INVALID_PARAMS, message="Failed to retrieve task: Task not found")
        told = {
            "resultType": result_type,
            "taskId": task_id,
            "status": row["status"],
            "statusMessage": f"step {row['done']}/{row['steps']}",
            "createdAt": row["created"],
            "lastUpdatedAt": row["created"],
            "ttlMs": row["ttl_ms"],
            "pollIntervalMs": POLL_MS,
        }
        if row["status"] == "completed":
            value = {"steps": row["done"], "answer": row["answer"]}
            content = [{"type": "text", "text": json.dumps(value)}]
            told["result"] = {"content": content, "structuredContent": value, "isError": False}
        if row["status"] == "input_required":
            schema = {"type": "object", "properties": {"name": {"type": "string"}}}
            asked = {"mode": "form", "message": "What is your name?", "requestedSchema": schema}
            told["inputRequests"] = {"name": {"method": "elicitation/create", "params": asked}}
        return told

    async def _get(self, context: Any, params: GetParams) -> dict[str, Any]:
        return self._wire(params.task_id, "complete")

    async def _update(self, context: Any, params: UpdateParams) -> dict[str, Any]:
        self.tasks.change(params.task_id, answer=json.dumps(params.input_responses["name"]), status="working")
        return {"resultType": "complete"}

    async def _cancel(self, context: Any, params: GetParams) -> dict[str, Any]:
        self.tasks.change(params.task_id, status="cancelled")
        return {"resultType": "complete"}


def build(folder: Path, token: str | None) -> FastMCP[Any]:
    tasks = Tasks(folder)

    @asynccontextmanager
    async def lifespan(_: FastMCP[Any]) -> AsyncIterator[None]:
        for task_id in tasks.unfinished():
            tasks.run(task_id)
        yield

    auth = StaticTokenVerifier(tokens={token: {"client_id": "tester", "scopes": []}}) if token else None
    mcp: FastMCP[Any] = FastMCP("other", lifespan=lifespan, auth=auth)
    mcp.add_extension(DurableTasks(tasks))

    @mcp.tool
    async def crunch(
        steps: int, asks: bool = False, ttl_ms: int | None = None, idempotency_key: str | None = None
    ) -> dict[str, Any]:
        return {"steps": steps, "answer": None}

    @mcp.tool
    async def start_plain(steps: int) -> str:
        task_id = tasks.add("start_plain", steps)
        await tasks.opened()
        return f"task://status/{task_id}"

    @mcp.tool
    async def start_keyed(steps: int, idempotency_key: str | None = None) -> dict[str, Any]:
        task_id = tasks.add("start_keyed", steps, key=idempotency_key)
        await tasks.opened()
        return {"resource_uri": f"task://status/{task_id}", "task_id": task_id}

    @mcp.tool
    async def drop(task_id: str) -> str:
        tasks.db.execute("DELETE FROM task WHERE id = ?", (task_id,))
        return "dropped"

    @mcp.tool
    async def going_on() -> dict[str, str]:
        return {"task_id": "somewhere", "status": "running"}

    @mcp.resource("task://status/{task_id}", mime_type="application/json")
    async def status(task_id: str) -> str:
        row = tasks.row(task_id)
        if row is None:
            return json.dumps({"error": "Task not found", "task_id": task_id})
        status = {"working": "running"}.get(row["status"], row["status"])
        told = {"task_id": task_id, "status": status, "progress": row["done"], "total": row["steps"]}
        result = {"steps": row["done"]} if status == "completed" else None
        return json.dumps({**told, "message": f"step {row['done']}", "result_data": result, "error": None})

    return mcp


class Serving(uvicorn.Server):
    async def startup(self, sockets: Any = None) -> None:
        await super().startup(sockets=sockets)
        port = self.servers[0].sockets[0].getsockname()[1]
        print(json.dumps({"url": f"http://127.0.0.1:{port}/mcp", "port": port, "pid": os.getpid()}), flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--token")
    told = parser.parse_args(arguments)
    app = build(told.folder, told.token).http_app()
    Serving(uvicorn.Config(app, host="127.0.0.1", port=told.port, log_level="warning", ws="none")).run()
    return 0


if __name__ == "__main__":
    main()
