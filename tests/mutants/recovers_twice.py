"""A batch is staged and then moved, in one transaction. At a start what is still staged is moved in two.

Otherwise it is the small server. Must be caught by: records.duplicated, for a kill behind the staging and another one
in the middle of the recovery; nothing happens at a single one.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.small import server

_MOVE = "INSERT INTO records SELECT job, n, square FROM staged"
_FAR = "UPDATE jobs SET done = coalesce((SELECT max(n) + 1 FROM records WHERE job = id), 0)"
_EMPTY = "DELETE FROM staged"


class Jobs(server.Jobs):
    tables = """
CREATE TABLE IF NOT EXISTS jobs (id TEXT PRIMARY KEY, key TEXT UNIQUE, total INT, batch INT, pause_s REAL, done INT);
CREATE TABLE IF NOT EXISTS records (job TEXT, n INT, square INT);
CREATE TABLE IF NOT EXISTS staged (job TEXT, n INT, square INT);
"""

    def resume(self) -> None:
        if self._ask("SELECT 1 FROM staged LIMIT 1"):
            self._ask(_MOVE)
            self._ask(_EMPTY)
            self._ask(_FAR)
        super().resume()

    def _do_batch(self, job: str, numbers: range, batch: int) -> None:
        self._effects.append(job, numbers)
        with self._lock:
            self._db.execute("BEGIN")
            self._db.executemany("INSERT INTO staged VALUES (?, ?, ?)", [(job, n, n * n) for n in numbers])
            self._db.execute("COMMIT")
            self._db.execute("BEGIN")
            for step in (_MOVE, _EMPTY, _FAR):
                self._db.execute(step)
            self._db.execute("COMMIT")


if __name__ == "__main__":
    server.main(Jobs)
