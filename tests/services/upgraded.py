"""The small server, and a second version of it that keeps its rows in another table.

With MIGRATES=yes the second version takes the first one's rows over at its start; without, it is a mutant that cannot
read them. Must be caught by: records.lost.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.small import server

SECOND = """
CREATE TABLE IF NOT EXISTS rows (job TEXT, n INT, square INT, PRIMARY KEY (job, n));
"""


class Jobs(server.Jobs):
    """The second version's jobs."""

    tables = server.TABLES + SECOND

    def resume(self) -> None:
        if os.environ.get("MIGRATES") == "yes":
            self._ask("INSERT OR IGNORE INTO rows SELECT job, n, square FROM records")
        super().resume()

    def records(self, job: str) -> list[dict[str, int]]:
        rows = self._ask("SELECT n, square FROM rows WHERE job = ? ORDER BY n", job)
        return [{"n": n, "square": square} for n, square in rows]

    def _do_batch(self, job: str, numbers: range, batch: int) -> None:
        self._effects.append(job, numbers)
        rows: list[Any] = [(job, n, n * n) for n in numbers]
        with self._lock:
            self._db.execute("BEGIN")
            self._db.executemany("INSERT INTO rows VALUES (?, ?, ?)", rows)
            self._db.execute("UPDATE jobs SET done = ? WHERE id = ?", (numbers.stop, job))
            self._db.execute("COMMIT")


if __name__ == "__main__":
    server.main(Jobs)
