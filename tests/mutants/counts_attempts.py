"""Progress is how many records were begun, and those that a crash has cut short are begun again.

Otherwise it is the small server.

Must be caught by: progress.monotonic, as there are more than the workload has.
"""

import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.small import server


class Jobs(server.Jobs):
    tables = f"{server.TABLES}CREATE TABLE IF NOT EXISTS begun (job TEXT, records INT);"

    def _do_batch(self, job: str, numbers: range, batch: int) -> None:
        self._ask("INSERT INTO begun VALUES (?, ?)", job, len(numbers))
        time.sleep(0.05)  # the work
        super()._do_batch(job, numbers, batch)

    def status(self, job: str) -> dict[str, Any]:
        [(begun,)] = self._ask("SELECT COALESCE(SUM(records), 0) FROM begun WHERE job = ?", job)
        return super().status(job) | {"progress": begun}


if __name__ == "__main__":
    server.main(Jobs)
