"""Idempotency keys are kept in memory: the same call is one job in one life, and another one behind a restart.

Whoever holds the id never calls again, and never sees it.

Otherwise it is the small server.

Must be caught by: task.duplicated.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.small import server


class Jobs(server.Jobs):
    tables = server.TABLES.replace("key TEXT UNIQUE", "key TEXT")

    def resume(self) -> None:
        self._known: dict[str, str] = {}
        super().resume()

    def submit(self, key: str, total: int, batch: int, pause_s: float = 0.03) -> str:
        if key not in self._known:
            new = "INSERT INTO jobs VALUES (lower(hex(randomblob(16))), ?, ?, ?, ?, 0) RETURNING id"
            [(self._known[key],)] = self._ask(new, key, total, batch, pause_s)
        return self._known[key]


if __name__ == "__main__":
    server.main(Jobs)
