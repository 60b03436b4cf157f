"""A job that three starts in a row have not got on with is given up: it takes its server down, it believes.

Where a batch was done the count begins anew, so that kills with work between them do no harm. Must be caught by:
records.lost.
"""

import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.small import server

CHECKING_S, MOST = 0.15, 3


class Jobs(server.Jobs):
    tables = server.TABLES + "CREATE TABLE IF NOT EXISTS starts (job TEXT PRIMARY KEY, number INT);"

    def resume(self) -> None:
        self._ask("INSERT OR IGNORE INTO starts SELECT id, 0 FROM jobs")
        self._ask("UPDATE starts SET number = number + 1")
        super().resume()

    def _work(self, job: str) -> None:
        if self._starts(job) <= MOST:
            time.sleep(CHECKING_S)  # whether its input is whole
            super()._work(job)

    def _starts(self, job: str) -> int:
        rows = self._ask("SELECT number FROM starts WHERE job = ?", job)
        return rows[0][0] if rows else 0

    def _do_batch(self, job: str, numbers: range, batch: int) -> None:
        super()._do_batch(job, numbers, batch)
        self._ask("UPDATE starts SET number = 0 WHERE job = ?", job)

    def status(self, job: str) -> dict[str, Any]:
        document = super().status(job)
        given_up = self._starts(job) > MOST and document["status"] == "running"
        return document | {"status": "failed", "error": "it was started too often"} if given_up else document


if __name__ == "__main__":
    server.main(Jobs)
