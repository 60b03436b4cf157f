"""Ids are a counter in memory: each life counts from one again, and gives its first job the id of another one.

Whoever asks for the second job is shown the first. With one job in a life, or with all of them in one, nobody sees it.

Otherwise it is the small server.

Must be caught by: task.identity.
"""

import sys
import time
from itertools import count
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.small import server

numbers = count(1)


class Jobs(server.Jobs):
    tables = server.TABLES.replace("id TEXT PRIMARY KEY", "id TEXT")

    def submit(self, key: str, total: int, batch: int, pause_s: float = 0.03) -> str:
        if not self._ask("SELECT id FROM jobs WHERE key = ?", key):
            new = "INSERT INTO jobs VALUES (?, ?, ?, ?, ?, 0)"
            self._ask(new, str(next(numbers)), key, total, batch, pause_s)
        return str(self._ask("SELECT id FROM jobs WHERE key = ?", key)[0][0])

    def status(self, job: str) -> dict[str, object]:
        [(total, done), *_] = self._ask("SELECT total, done FROM jobs WHERE id = ?", job)
        document = {"id": job, "status": "running", "progress": done, "total": total}
        return document | {"status": "completed", "result": self._result(job)} if done == total else document

    def _work(self, job: str) -> None:
        [(total, batch, pause_s, done), *_] = self._ask(
            "SELECT total, batch, pause_s, done FROM jobs WHERE id = ?", job
        )
        for first in range(done, total, batch):
            self._do_batch(job, range(first, min(first + batch, total)), first // batch + 1)
            time.sleep(pause_s)  # the work


if __name__ == "__main__":
    server.main(Jobs)
