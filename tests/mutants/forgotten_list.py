"""The list is kept in memory: after a restart it is empty, although every task is there for who knows its id.

Must be caught by: task.listing.
"""

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.mutants.operated import Operated


class Unlisted(Operated):
    def __init__(self) -> None:
        self.started: list[str] = []
        super().__init__("forgotten list")

    async def start_job(self, total: int, batch: int, client_id: str) -> dict[str, Any]:
        """Start a job, once for each client."""
        answer = await super().start_job(total, batch, client_id)
        self.started.append(answer["job_id"])
        return answer

    def listed(self) -> list[str]:
        return self.started


if __name__ == "__main__":
    Unlisted().serve()
