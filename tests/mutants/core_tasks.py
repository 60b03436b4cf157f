"""The small server with core tasks of revision 2025-11-25: a call becomes a task, which is got, listed and cancelled.

As it stands here it does it right: a task is stored before its call is answered, tasks/result waits for the end, and a
cancelled task is cancelled before that is said. It answers ``initialize`` with the one revision that it speaks, and
gives no session. Mutants change one thing.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.mutants import operated
from tests.small import server

REVISION = "2025-11-25"
RELATED = "io.modelcontextprotocol/related-task"
CAPABILITIES: dict[str, Any] = {"tools": {}, "tasks": {"list": {}, "cancel": {}, "requests": {"tools": {"call": {}}}}}
OURS = {"running": "working", "cancelling": "cancelled"}
TOOL = {"name": "stretch", "inputSchema": {"type": "object"}, "execution": {"taskSupport": "optional"}}
TABLES = "CREATE TABLE IF NOT EXISTS told (job TEXT PRIMARY KEY, created_at TEXT, ttl INT);"


class Tasks(operated.Operated):
    """The jobs, as tasks. ``born`` and ``output`` are what mutants get wrong, beside what those of the jobs do."""

    tables = operated.Operated.tables + TABLES

    def create(self, ttl: int | None, arguments: dict[str, Any]) -> dict[str, Any]:
        """The task of a call, stored before this returns."""
        job = self.submit(arguments["key"], arguments["total"], arguments["batch"], pause_s=0.01)
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        self._ask("INSERT OR IGNORE INTO told VALUES (?, ?, ?)", job, now, ttl)
        return self.task(job)

    def task(self, job: str) -> dict[str, Any]:
        """A task as it stands."""
        self.check(job, "")
        stands, told = self.stands(job), self.status(job)
        created_at, ttl = self.born(job)
        status = OURS.get(stands, stands)
        message = f"{told['progress']}/{told['total']}"
        return {
            **{"taskId": job, "status": status, "statusMessage": message, "ttl": ttl, "pollInterval": 20},
            **{"createdAt": created_at, "lastUpdatedAt": created_at},
        }

    def born(self, job: str) -> tuple[str, int | None]:
        """When it was created, and for how long."""
        [(created_at, ttl)] = self._ask("SELECT created_at, ttl FROM told WHERE job = ?", job)
        return created_at, ttl

    def output(self, job: str) -> dict[str, Any]:
        """What the call would have been answered."""
        return {"count": len(self.records(job)), "records": self.records(job)}

    def cancelled(self, job: str) -> dict[str, Any]:
        """Cancel a task."""
        self.check(job, "")
        if self.stands(job) not in (operated.RUNNING, operated.PAUSED):
            raise ValueError(f"the task {job} has ended")
        self.cancel(job)
        return self.task(job)

    def page(self, cursor: str) -> dict[str, Any]:
        """A page of tasks."""
        jobs, after = self.listed(""), int(cursor or 0)
        more = {"nextCursor": str(after + operated.PAGE)} if after + operated.PAGE < len(jobs) else {}
        return {"tasks": [self.task(job) for job in jobs[after : after + operated.PAGE]], **more}


class Handler(server.Handler):
    """One connection."""

    jobs: Tasks

    def respond(self, request: dict[str, Any]) -> None:
        if "id" in request:
            super().respond(request)
            return
        self.send_response(202)
        self.send_header("content-length", "0")
        self.end_headers()

    def _answer(self, method: str, params: dict[str, Any], begun: list[str]) -> dict[str, Any]:
        if method == "initialize":
            return {"protocolVersion": REVISION, "capabilities": CAPABILITIES, "serverInfo": {"name": "core tasks"}}
        if method == "tools/list":
            return {"tools": [TOOL]}
        try:
            return self._ask(method, params, begun)
        except LookupError as error:
            raise ValueError(f"Failed to retrieve task: {error}") from error

    def _ask(self, method: str, params: dict[str, Any], begun: list[str]) -> dict[str, Any]:
        if method == "tools/call":
            task = self.jobs.create(params.get("task", {}).get("ttl"), params["arguments"])
            begun.append(task["taskId"])
            return {"task": task} if "task" in params else self._result(task["taskId"])
        if method == "tasks/get":
            return self.jobs.task(params["taskId"])
        if method == "tasks/result":
            return self._result(params["taskId"])
        if method == "tasks/cancel":
            return self.jobs.cancelled(params["taskId"])
        if method == "tasks/list":
            return self.jobs.page(params.get("cursor", ""))
        raise LookupError(method)

    def _result(self, job: str) -> dict[str, Any]:
        """Wait for the end of a task, and give its result."""
        self.jobs.go_on(job)
        while self.jobs.task(job)["status"] == "working":
            time.sleep(0.01)
        text = json.dumps(self.jobs.output(job))
        if self.jobs.task(job)["status"] == "cancelled":
            text = "the task was cancelled"
        return {
            "content": [{"type": "text", "text": text}],
            "isError": not text.startswith("{"),
            "_meta": {RELATED: {"taskId": job}},
        }


def main(jobs: type[Tasks] = Tasks) -> None:
    """Serve until SIGTERM."""
    server.main(jobs, Handler)


if __name__ == "__main__":
    main()
