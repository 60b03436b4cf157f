"""A job is found by Python's hash of its handle: every interpreter has another one.

Otherwise it is the small server.

Must be caught by: task.vanished, when the next life has another hash seed, as every cold start has.
"""

import hashlib
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.small import server


def row_of(handle: str) -> str:
    return f"{hash(handle):x}"


class Jobs(server.Jobs):
    def submit(self, key: str, total: int, batch: int, pause_s: float = 0.03) -> str:
        handle = hashlib.sha256(key.encode()).hexdigest()[:32]
        new = "INSERT OR IGNORE INTO jobs VALUES (?, ?, ?, ?, ?, 0)"
        self._ask(new, row_of(handle), handle, total, batch, pause_s)
        return handle

    def go_on(self, job: str) -> None:
        super().go_on(job if self._ask("SELECT 1 FROM jobs WHERE id = ?", job) else row_of(job))

    def status(self, job: str) -> dict[str, Any]:
        return super().status(row_of(job)) | {"id": job}

    def records(self, job: str) -> list[dict[str, int]]:
        return super().records(row_of(job) if len(job) == 32 else job)


if __name__ == "__main__":
    server.main(Jobs)
