"""A job that can be cancelled, paused, resumed and listed, and a server that does all of that right.

A cancel is stored before it is acknowledged, and takes effect behind the batch under way: until then the task says
"cancelling". The list comes in pages of two, newest first. Mutants of its kind replace one answer.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fastmcp import FastMCP

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.mutants.common import Background, TaskStore, let_answer_leave, options, serve

PAGE = 2
CANCELLING, CANCELLED, PAUSED, RUNNING = "cancelling", "cancelled", "paused", "running"


class Operated:
    """The server. ``status``, ``halt`` and ``listed`` are what mutants get wrong."""

    def __init__(self, name: str) -> None:
        self.where = options()
        self.store = TaskStore(self.where)
        self.background = Background()
        self.working: set[str] = set()
        self.mcp: FastMCP[Any] = FastMCP(name, lifespan=self._lifespan)
        for tool in (self.start_job, self.cancel_job, self.pause_job, self.resume_job, self.list_jobs, self.job_status):
            self.mcp.tool(tool)

    def serve(self) -> None:
        """Serve until it is told to stop."""
        serve(self.mcp, self.where)

    @asynccontextmanager
    async def _lifespan(self, _server: FastMCP[Any]) -> AsyncIterator[None]:
        for task in self.store.all_tasks():
            if self.status(task["task_id"]) in (RUNNING, CANCELLING):
                self.background.start(self.work(task["task_id"]))
        yield

    async def work(self, task_id: str) -> None:
        """Do batch after batch, as long as it is to run; whoever finds it cancelling ends it."""
        if task_id in self.working:
            return
        self.working.add(task_id)
        try:
            await let_answer_leave()
            while (task := self.store.task(task_id)) and self.status(task_id) == RUNNING:
                await self.store.do_batch(task, task["progress"])
            if self.status(task_id) == CANCELLING:
                self.halt(task_id, CANCELLED)
        finally:
            self.working.discard(task_id)

    # --- what mutants get wrong

    def status(self, task_id: str) -> str:
        """How a task stands."""
        task = self.store.task(task_id)
        return str(task["status"]) if task else "unknown"

    def halt(self, task_id: str, status: str) -> None:
        """Have it stand at a status; stored before this returns."""
        self.store.end(task_id, status)

    def listed(self) -> list[str]:
        """The ids of all tasks, the newest first."""
        return [task["task_id"] for task in self.store.all_tasks()]

    # --- tools

    async def start_job(self, total: int, batch: int, client_id: str) -> dict[str, Any]:
        """Start a job, once for each client."""
        task_id, new = self.store.submit(client_id, total, batch)
        if new:
            self.background.start(self.work(task_id))
        return {"job_id": task_id}

    async def job_status(self, job_id: str) -> dict[str, Any]:
        """How a job stands, and its records."""
        task = self.store.task(job_id)
        if task is None:
            return {"error": f"there is no job {job_id}"}
        return {**task, "status": self.status(job_id), "records": self.store.records(job_id)}

    async def cancel_job(self, job_id: str) -> str:
        """Cancel a job; what it has done is kept."""
        if self.status(job_id) not in (RUNNING, PAUSED):
            return f"Job {job_id} not found, or it cannot be cancelled"
        self.halt(job_id, CANCELLING if job_id in self.working else CANCELLED)
        return f"Job {job_id} is cancelled; what was already processed is kept"

    async def pause_job(self, job_id: str) -> dict[str, Any]:
        """Pause a job behind the batch under way."""
        if self.status(job_id) != RUNNING:
            return {"success": False, "message": "it does not run"}
        self.halt(job_id, PAUSED)
        return {"success": True}

    async def resume_job(self, job_id: str) -> dict[str, Any]:
        """Let it go on."""
        if self.status(job_id) != PAUSED:
            return {"success": False, "message": "it is not paused"}
        self.halt(job_id, RUNNING)
        self.background.start(self.work(job_id))
        return {"success": True}

    async def list_jobs(self, after: int = 0) -> dict[str, Any]:
        """The jobs behind so many, a page of them."""
        ids = self.listed()
        rows = [{"job": {"id": task_id, "state": self.status(task_id)}} for task_id in ids[after : after + PAGE]]
        more = after + PAGE if after + PAGE < len(ids) else None
        return {"jobs": rows, "next": more}


if __name__ == "__main__":
    Operated("operated").serve()
