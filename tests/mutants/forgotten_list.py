"""The list is kept in memory: after a restart it is empty, although every job is there for who knows its id.

Must be caught by: task.listing.
"""

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.mutants import operated
from tests.small.server import Effects


class Unlisted(operated.Operated):
    def __init__(self, folder: Path, effects: Effects) -> None:
        self.begun: list[str] = []
        super().__init__(folder, effects)

    def start_job(self, user: str, total: int, batch: int, client_id: str) -> dict[str, Any]:
        answer = super().start_job(user, total, batch, client_id)
        self.begun.append(answer["job_id"])
        return answer

    def listed(self, user: str) -> list[str]:
        return self.begun


if __name__ == "__main__":
    operated.main(Unlisted)
