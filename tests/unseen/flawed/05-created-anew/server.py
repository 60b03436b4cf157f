"""Fills spreadsheets as tasks of io.modelcontextprotocol/tasks. The cells survive everything; createdAt does not."""

import argparse
import asyncio
import json
import sqlite3
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from fastmcp import FastMCP
from fastmcp.server.extensions import MethodBinding, ServerExtension
from mcp.shared.exceptions import MCPError
from mcp_types import INVALID_PARAMS, RequestParams
from mcp_types.version import MODERN_PROTOCOL_VERSIONS
from pydantic import Field

parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int, default=8000)
parser.add_argument("--dir", type=Path, default=Path())
args = parser.parse_args()
db = sqlite3.connect(args.dir / "sheets.db", isolation_level=None)
db.execute("CREATE TABLE IF NOT EXISTS sheets (id TEXT PRIMARY KEY, total INT, batch INT, done INT)")
db.execute("CREATE TABLE IF NOT EXISTS cells (sheet TEXT, n INT, formula TEXT, PRIMARY KEY (sheet, n))")
created = {}
working = set()


class SheetParams(RequestParams):
    task_id: str = Field(alias="taskId")


def now():
    return datetime.now(UTC).isoformat()


async def fill(sheet, total, batch, done):
    while done < total:
        await asyncio.sleep(0.05)
        upto = min(done + batch, total)
        with db:
            db.execute("BEGIN")
            cells = [(sheet, n, f"=A{n}*2") for n in range(done, upto)]
            db.executemany("INSERT INTO cells VALUES (?, ?, ?)", cells)
            db.execute("UPDATE sheets SET done = ? WHERE id = ?", (upto, sheet))
        done = upto


class Tasks(ServerExtension):
    identifier = "io.modelcontextprotocol/tasks"

    def methods(self):
        modern = frozenset(MODERN_PROTOCOL_VERSIONS)
        return [
            MethodBinding("tasks/get", SheetParams, self.get, protocol_versions=modern),
            MethodBinding("tasks/cancel", SheetParams, self.cancel, protocol_versions=modern),
        ]

    @asynccontextmanager
    async def lifespan(self):
        for row in db.execute("SELECT id, total, batch, done FROM sheets").fetchall():
            created[row[0]] = now()
            if row[3] < row[1]:
                working.add(asyncio.create_task(fill(*row)))
        yield

    async def intercept_tool_call(self, params, context, call_next):
        request = context.request_context
        if request is None or request.protocol_version not in MODERN_PROTOCOL_VERSIONS:
            return await call_next()
        if context.client_extension_settings(self.identifier) is None:
            return await call_next()
        sheet, wanted = uuid4().hex, params.arguments or {}
        total, batch = int(wanted["total"]), int(wanted["batch"])
        db.execute("INSERT INTO sheets VALUES (?, ?, ?, 0)", (sheet, total, batch))
        created[sheet] = now()
        working.add(asyncio.create_task(fill(sheet, total, batch, 0)))
        return self.show(sheet, "task")

    def show(self, sheet, kind):
        row = db.execute("SELECT total, done FROM sheets WHERE id = ?", (sheet,)).fetchone()
        if row is None:
            raise MCPError(code=INVALID_PARAMS, message=f"There is no task {sheet}")
        total, done = row
        shown = {"resultType": kind, "taskId": sheet, "status": "working" if done < total else "completed"}
        shown |= {"createdAt": created[sheet], "lastUpdatedAt": now(), "ttlMs": None, "pollIntervalMs": 20}
        shown |= {"statusMessage": f"{done} of {total} cells", "cells": {"done": done, "total": total}}
        if done == total:
            out = {"sheet": sheet, "filled": done}
            content = [{"type": "text", "text": json.dumps(out)}]
            shown["result"] = {"content": content, "structuredContent": out, "isError": False}
        return shown

    async def get(self, context, params):
        return self.show(params.task_id, "complete")

    async def cancel(self, context, params):
        raise MCPError(code=INVALID_PARAMS, message="A sheet is filled to its end")


mcp = FastMCP("sheets")
mcp.add_extension(Tasks())


@mcp.tool
async def fill_sheet(total: int, batch: int) -> dict:
    sheet = uuid4().hex
    db.execute("INSERT INTO sheets VALUES (?, ?, ?, 0)", (sheet, total, batch))
    created[sheet] = now()
    await fill(sheet, total, batch, 0)
    return {"sheet": sheet, "filled": total}


@mcp.resource("sheet://{sheet}/cells")
async def cells(sheet: str) -> str:
    found = db.execute("SELECT n, formula FROM cells WHERE sheet = ? ORDER BY n", (sheet,))
    return json.dumps([{"n": n, "formula": formula} for n, formula in found])


mcp.run(transport="http", port=args.port, show_banner=False)
