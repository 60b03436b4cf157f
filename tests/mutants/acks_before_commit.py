"""A job is answered for some microseconds before it is committed. Otherwise it is the small server.

Everything is prepared before the answer, so that nothing but the COMMIT lies behind it: a kill by the clock comes too
late for that. Must be caught by: task.vanished, for a kill before that call.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.small import server


class Jobs(server.Jobs):
    def submit(self, key: str, total: int, batch: int, pause_s: float = 0.03) -> str:
        if found := self._ask("SELECT id FROM jobs WHERE key = ?", key):
            return str(found[0][0])
        self._ask("BEGIN IMMEDIATE")
        return super().submit(key, total, batch, pause_s)

    def go_on(self, job: str) -> None:
        with self._lock:
            if self._db.in_transaction:
                self._db.execute("COMMIT")
        super().go_on(job)


if __name__ == "__main__":
    server.main(Jobs)
