"""Embeds documents: a call becomes a task of io.modelcontextprotocol/tasks where the client can follow one."""

import argparse
import asyncio
import json
import sqlite3
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from fastmcp import FastMCP
from fastmcp.exceptions import ToolError
from fastmcp.server.extensions import MethodBinding, ServerExtension
from mcp.shared.exceptions import MCPError
from mcp_types import RequestParams
from mcp_types.version import MODERN_PROTOCOL_VERSIONS
from pydantic import Field

parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int, default=8000)
parser.add_argument("--dir", type=Path, default=Path())
parser.add_argument("--ledger")
args = parser.parse_args()
MODERN = frozenset(MODERN_PROTOCOL_VERSIONS)

db = sqlite3.connect(args.dir / "tasks.db", isolation_level=None, timeout=20)
db.executescript("""
    PRAGMA journal_mode = WAL;
    CREATE TABLE IF NOT EXISTS tasks (
        id TEXT PRIMARY KEY, total INT, batch INT, done INT, cancelled INT DEFAULT 0, created TEXT, updated TEXT
    );
    CREATE TABLE IF NOT EXISTS vectors (task TEXT, n INT, vector TEXT, PRIMARY KEY (task, n));
""")


class TaskParams(RequestParams):
    task_id: str = Field(alias="taskId")


class UpdateParams(TaskParams):
    input_responses: dict = Field(alias="inputResponses")


def now():
    return datetime.now(UTC).isoformat()


def row(task):
    found = db.execute(
        "SELECT total, batch, done, cancelled, created, updated FROM tasks WHERE id = ?", (task,)
    ).fetchone()
    if found is None:
        raise MCPError(code=-32602, message="Failed to retrieve task: Task not found")
    return found


async def embed(task):
    while True:
        total, batch, done, cancelled, *_ = row(task)
        if done == total or cancelled:
            return
        await asyncio.sleep(0.06)
        numbers = range(done, min(done + batch, total))
        if args.ledger:
            with open(args.ledger, "a") as ledger:
                ledger.writelines(json.dumps({"task": task, "record": n}) + "\n" for n in numbers)
        db.execute("BEGIN IMMEDIATE")
        step = (numbers.stop, now(), task, done)
        if db.execute(
            "UPDATE tasks SET done = ?, updated = ? WHERE id = ? AND done = ? AND NOT cancelled", step
        ).rowcount:
            db.executemany("INSERT INTO vectors VALUES (?, ?, ?)", [(task, n, f"[{n}, {n % 5}]") for n in numbers])
        db.execute("COMMIT")


def wire(task, kind):
    total, _, done, cancelled, created, updated = row(task)
    document = {
        "resultType": kind,
        "taskId": task,
        "status": "cancelled" if cancelled else "completed" if done == total else "working",
        "statusMessage": f"{done}/{total} documents",
        "createdAt": created,
        "lastUpdatedAt": updated,
        "ttlMs": None,
        "pollIntervalMs": 100,
        "_meta": {"done": done, "total": total},
    }
    if document["status"] == "completed":
        answer = {"embedded": done}
        text = [{"type": "text", "text": json.dumps(answer)}]
        document["result"] = {"content": text, "structuredContent": answer, "isError": False}
    return document


class Tasks(ServerExtension):
    identifier = "io.modelcontextprotocol/tasks"

    def __init__(self):
        self.running = set()

    def methods(self):
        bound = {
            "get": (TaskParams, self.get),
            "update": (UpdateParams, self.update),
            "cancel": (TaskParams, self.cancel),
        }
        return [MethodBinding(f"tasks/{name}", *pair, protocol_versions=MODERN) for name, pair in bound.items()]

    @asynccontextmanager
    async def lifespan(self):
        for (task,) in db.execute("SELECT id FROM tasks WHERE done < total AND NOT cancelled").fetchall():
            self.running.add(asyncio.create_task(embed(task)))
        yield

    async def intercept_tool_call(self, params, context, call_next):
        request = context.request_context
        if request is None or request.protocol_version not in MODERN:
            return await call_next()
        if context.client_extension_settings(self.identifier) is None:
            return await call_next()
        given = params.arguments or {}
        if set(given) != {"documents", "batch"} or not all(isinstance(n, int) and n > 0 for n in given.values()):
            raise ToolError("documents and batch must be positive integers")
        task = start(**given)
        self.running.add(asyncio.create_task(embed(task)))
        return wire(task, "task")

    async def get(self, _, params):
        return wire(params.task_id, "complete")

    async def update(self, _, params):
        row(params.task_id)
        return {"resultType": "complete"}

    async def cancel(self, _, params):
        row(params.task_id)
        db.execute("UPDATE tasks SET cancelled = 1, updated = ? WHERE id = ? AND done < total", (now(), params.task_id))
        return {"resultType": "complete"}


def start(documents, batch):
    task = str(uuid4())
    db.execute("INSERT INTO tasks VALUES (?, ?, ?, 0, 0, ?, ?)", (task, documents, batch, now(), now()))
    return task


mcp = FastMCP("embedder")
mcp.add_extension(Tasks())


@mcp.tool
async def embed_documents(documents: int, batch: int) -> dict:
    task = start(documents, batch)
    await embed(task)
    return {"embedded": documents}


@mcp.resource("vectors://{task}")
async def vectors(task: str) -> str:
    rows = db.execute("SELECT n, vector FROM vectors WHERE task = ? ORDER BY n", (task,))
    return json.dumps([{"document": n, "vector": json.loads(vector)} for n, vector in rows])


if __name__ == "__main__":
    mcp.run(transport="http", port=args.port, show_banner=False, log_level="warning")
