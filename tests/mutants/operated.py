"""The small server with tools for everything: a job can be started, looked at, cancelled, paused, resumed and listed.

As it stands here it does it right. A cancel is stored before it is acknowledged, and takes effect behind the batch
under way: until then the job says "cancelling". The list comes in pages of two, newest first. Mutants change one thing.
"""

from __future__ import annotations

import inspect
import json
import sys
import threading
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.small import server

PAGE = 2
CANCELLING, CANCELLED, PAUSED, RUNNING, COMPLETED = "cancelling", "cancelled", "paused", "running", "completed"
TABLES = "CREATE TABLE IF NOT EXISTS halts (job TEXT PRIMARY KEY, status TEXT);"


class Operated(server.Jobs):
    """The jobs, and its tools. ``stands``, ``halt``, ``listed`` and ``is_mine`` are what mutants get wrong."""

    tables = server.TABLES + TABLES
    tools: tuple[str, ...] = ("start_job", "job_status", "cancel_job", "pause_job", "resume_job", "list_jobs")

    def __init__(self, folder: Path, effects: server.Effects) -> None:
        self._deciding = threading.RLock()
        super().__init__(folder, effects)

    def _work(self, job: str) -> None:
        while self._goes_on(job):
            self.batch(job)

    def _goes_on(self, job: str) -> bool:
        with self._deciding:
            if self.stands(job) == RUNNING:
                return True
            if self.stands(job) == CANCELLING:
                self.halt(job, CANCELLED)
            self._under_way.discard(job)
            return False

    def batch(self, job: str) -> None:
        """Do the next batch, with whatever time it takes."""
        [(total, batch, pause_s, done)] = self._ask("SELECT total, batch, pause_s, done FROM jobs WHERE id = ?", job)
        self._do_batch(job, range(done, min(done + batch, total)), done // batch + 1)
        time.sleep(pause_s)

    # --- what mutants get wrong

    def stands(self, job: str) -> str:
        """How a job stands."""
        for (halted,) in self._ask("SELECT status FROM halts WHERE job = ?", job):
            return str(halted)
        done = self._ask("SELECT done = total FROM jobs WHERE id = ?", job)
        return (COMPLETED if done[0][0] else RUNNING) if done else "unknown"

    def halt(self, job: str, status: str) -> None:
        """Have it stand at a status; stored before this returns."""
        self._ask("INSERT OR REPLACE INTO halts VALUES (?, ?)", job, status)

    def listed(self, user: str) -> list[str]:
        """The ids of a user's jobs, the newest first."""
        jobs = [job for (job,) in self._ask("SELECT id FROM jobs ORDER BY rowid DESC")]
        return [job for job in jobs if self.is_mine(job, user)]

    def is_mine(self, job: str, user: str) -> bool:
        """Whether a job is that user's: here they are all the same."""
        return bool(self._ask("SELECT 1 FROM jobs WHERE id = ?", job))

    # --- tools: the first argument is the user who asks

    def start_job(self, _user: str, total: int, batch: int, client_id: str) -> dict[str, Any]:
        """Start a job, once for each client."""
        return {"job_id": self.submit(client_id, total, batch, pause_s=0.005)}

    def job_status(self, user: str, job_id: str) -> dict[str, Any]:
        """How a job stands, and its records."""
        self.check(job_id, user)
        stands = self.stands(job_id)  # first: what is said beside it may be newer, and never less
        return {**self.status(job_id), "status": stands, "records": self.records(job_id)}

    def cancel_job(self, user: str, job_id: str) -> str:
        """Cancel a job; what it has done is kept."""
        self.check(job_id, user)
        return self.cancel(job_id)

    def pause_job(self, user: str, job_id: str) -> dict[str, Any]:
        """Pause a job behind the batch under way."""
        self.check(job_id, user)
        with self._deciding:
            if self.stands(job_id) != RUNNING:
                return {"success": False, "message": "it does not run"}
            self.halt(job_id, PAUSED)
        return {"success": True}

    def resume_job(self, user: str, job_id: str) -> dict[str, Any]:
        """Let it go on."""
        self.check(job_id, user)
        with self._deciding:
            if self.stands(job_id) != PAUSED:
                return {"success": False, "message": "it is not paused"}
            self.resumed(job_id)
        return {"success": True}

    def list_jobs(self, user: str, after: int = 0) -> dict[str, Any]:
        """The jobs behind so many, a page of them."""
        ids = self.listed(user)
        rows = [{"job": {"id": job, "state": self.stands(job)}} for job in ids[int(after) : int(after) + PAGE]]
        more = int(after) + PAGE if int(after) + PAGE < len(ids) else None
        return {"jobs": rows, "next": more}

    def check(self, job: str, user: str) -> None:
        """Refuse to speak of another's job, in the words for one that there is not."""
        if not self.is_mine(job, user):
            raise LookupError(f"there is no job {job}")

    def cancel(self, job: str) -> str:
        """Cancel a job, whoever asks."""
        with self._deciding:
            if self.stands(job) not in (RUNNING, PAUSED):
                return f"Job {job} not found, or it cannot be cancelled"
            self.halt(job, CANCELLING if job in self._under_way else CANCELLED)
        return f"Job {job} is cancelled; what was already processed is kept"

    def resumed(self, job: str) -> None:
        """A paused job runs again."""
        self._ask("DELETE FROM halts WHERE job = ?", job)
        self.go_on(job)


class Handler(server.Handler):
    """One connection; the tools are those of the jobs."""

    jobs: Operated

    def _answer(self, method: str, params: dict[str, Any], begun: list[str]) -> dict[str, Any]:
        if method == "tools/list":
            return {"tools": [{"name": name, "inputSchema": {"type": "object"}} for name in self.jobs.tools]}
        if method != "tools/call":
            return super()._answer(method, params, begun)
        if params["name"] not in self.jobs.tools:
            raise ValueError(f"Unknown tool: {params['name']}")
        tool, user = getattr(self.jobs, params["name"]), str(self.headers.get("x-user", "nobody"))
        inspect.signature(tool).bind(user, **params["arguments"])  # or it is none of these arguments
        try:
            said = tool(user, **params["arguments"])
        except LookupError as error:
            return {"content": [{"type": "text", "text": str(error)}], "isError": True}
        if params["name"] == "start_job":
            begun.append(said["job_id"])
        return {"content": [{"type": "text", "text": said if isinstance(said, str) else json.dumps(said)}]}


def main(jobs: type[Operated] = Operated) -> None:
    """Serve until SIGTERM."""
    server.main(jobs, Handler)


if __name__ == "__main__":
    main()
