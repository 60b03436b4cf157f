"""The server that does all operations right, with users: a task is for him alone who has started it (``x-user``)."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from fastmcp.exceptions import ToolError
from fastmcp.server.dependencies import get_http_headers

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.mutants.operated import Operated


def user() -> str:
    """Who asks."""
    return str(get_http_headers().get("x-user", "nobody"))


class Owned(Operated):
    """``is_mine`` is what mutants get wrong."""

    def is_mine(self, task: dict[str, Any]) -> bool:
        return str(task["key"]).split("/")[0] == user()

    def check(self, job_id: str) -> None:
        """Refuse to speak of another's job, in the words for one that there is not."""
        task = self.store.task(job_id)
        if task is None or not self.is_mine(task):
            raise ToolError(f"there is no job {job_id}")

    def listed(self) -> list[str]:
        return [task["task_id"] for task in self.store.all_tasks() if self.is_mine(task)]

    async def start_job(self, total: int, batch: int, client_id: str) -> dict[str, Any]:
        """Start a job, once for each client."""
        return await super().start_job(total, batch, f"{user()}/{client_id}")

    async def job_status(self, job_id: str) -> dict[str, Any]:
        """How a job stands, and its records."""
        self.check(job_id)
        return await super().job_status(job_id)

    async def cancel_job(self, job_id: str) -> str:
        """Cancel a job; what it has done is kept."""
        self.check(job_id)
        return await super().cancel_job(job_id)


if __name__ == "__main__":
    Owned("owned").serve()
