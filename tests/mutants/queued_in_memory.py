"""Jobs stand in a queue in memory until a worker takes them, and are stored then.

Otherwise it is the small server.

Must be caught by: task.vanished, for a kill between the submission's answer and the first batch.
"""

import hashlib
import sys
import threading
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.small import server

QUEUED_S = 0.05


class Jobs(server.Jobs):
    def resume(self) -> None:
        self._queue: dict[str, tuple[str, int, int, float]] = {}
        super().resume()

    def submit(self, key: str, total: int, batch: int, pause_s: float = 0.03) -> str:
        job = hashlib.sha256(key.encode()).hexdigest()[:32]
        if not self._ask("SELECT 1 FROM jobs WHERE id = ?", job):
            self._queue[job] = (key, total, batch, pause_s)
        return job

    def go_on(self, job: str) -> None:
        if job in self._queue:
            threading.Timer(QUEUED_S, self._take, (job,)).start()
        else:
            super().go_on(job)

    def _take(self, job: str) -> None:
        self._ask("INSERT OR IGNORE INTO jobs VALUES (?, ?, ?, ?, ?, 0)", job, *self._queue[job])
        del self._queue[job]
        super().go_on(job)

    def status(self, job: str) -> dict[str, Any]:
        if ordered := self._queue.get(job):
            return {"id": job, "status": "running", "progress": 0, "total": ordered[1]}
        return super().status(job)


if __name__ == "__main__":
    server.main(Jobs)
