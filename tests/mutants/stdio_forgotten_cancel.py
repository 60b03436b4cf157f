"""Over stdio a cancel is kept in memory: the next process that the host starts works on.

Must be caught by: task.cancel-forgotten.
"""

import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.stdio import server


class Jobs(server.Jobs):
    def __init__(self, folder: Path, ledger: Path) -> None:
        self.cancelled: set[str] = set()
        super().__init__(folder, ledger)

    def store(self, job: str, numbers: range, total: int) -> None:
        while job in self.cancelled:
            time.sleep(1)  # its thread stands still for the rest of this life
        super().store(job, numbers, total)

    def cancel(self, job: str) -> dict[str, Any]:
        if self.status(job)["state"] == "running":
            self.cancelled.add(job)
        return self.status(job)

    def status(self, job: str) -> dict[str, Any]:
        said = super().status(job)
        return said | {"state": "cancelled"} if job in self.cancelled and said["state"] == "running" else said


if __name__ == "__main__":
    server.main(Jobs)
