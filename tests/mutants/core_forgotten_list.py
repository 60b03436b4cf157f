"""tasks/list shows what this life has begun: after a restart it is empty, although tasks/get finds every task.

Must be caught by: task.listing.
"""

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.mutants import core_tasks
from tests.small.server import Effects


class Tasks(core_tasks.Tasks):
    def __init__(self, folder: Path, effects: Effects) -> None:
        self.begun: list[str] = []
        super().__init__(folder, effects)

    def create(self, ttl: int | None, arguments: dict[str, Any]) -> dict[str, Any]:
        task = super().create(ttl, arguments)
        self.begun.append(task["taskId"])
        return task

    def listed(self, _user: str) -> list[str]:
        return self.begun


if __name__ == "__main__":
    core_tasks.main(Tasks)
