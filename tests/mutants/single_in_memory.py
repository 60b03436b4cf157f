"""A job of a single record is not worth the store: it is held in memory.

Otherwise it is the small server.

Must be caught by: task.vanished, in jobs of other sizes than its profile's.
"""

import sqlite3
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.small import server

WORK_S = 0.1


class Quick(server.Jobs):
    """Those that are over soon."""

    def __init__(self, folder: Path, effects: server.Effects) -> None:
        super().__init__(folder, effects)
        self._db = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        self._db.executescript(self.tables)

    def resume(self) -> None:
        self._db.close()

    def _work(self, job: str) -> None:
        time.sleep(WORK_S)
        super()._work(job)


class Jobs(server.Jobs):
    def resume(self) -> None:
        self._quick = Quick(self._folder / "quick", self._effects)
        self._small: set[str] = set()
        super().resume()

    def submit(self, key: str, total: int, batch: int, pause_s: float = 0.03) -> str:
        if total > 1:
            return super().submit(key, total, batch, pause_s)
        self._small.add(job := self._quick.submit(key, total, batch, pause_s))
        return job

    def go_on(self, job: str) -> None:
        if job in self._small:
            self._quick.go_on(job)
        else:
            super().go_on(job)

    def status(self, job: str) -> dict[str, Any]:
        return self._quick.status(job) if job in self._small else super().status(job)

    def records(self, job: str) -> list[dict[str, int]]:
        return self._quick.records(job) if job in self._small else super().records(job)


if __name__ == "__main__":
    server.main(Jobs)
