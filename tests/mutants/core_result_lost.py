"""tasks/get knows after a restart that a core task has completed, and tasks/result has nothing but its count.

Must be caught by: records.lost.
"""

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.mutants import core_tasks
from tests.small.server import Effects


class Tasks(core_tasks.Tasks):
    def __init__(self, folder: Path, effects: Effects) -> None:
        self.done_here: set[str] = set()
        super().__init__(folder, effects)

    def _do_batch(self, job: str, numbers: range, batch: int) -> None:
        super()._do_batch(job, numbers, batch)
        self.done_here.add(job)

    def output(self, job: str) -> dict[str, Any]:
        whole = super().output(job)
        return whole if job in self.done_here else {**whole, "records": []}


if __name__ == "__main__":
    core_tasks.main(Tasks)
