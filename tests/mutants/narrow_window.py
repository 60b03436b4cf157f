"""The cursor is moved a few milliseconds before the records are written, and no crash point is there.

Otherwise it is the small server.

Must be caught by: records.lost, for a kill that falls into these milliseconds in the middle of a batch.
"""

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.small import server

WINDOW_S = 0.006
WORK_S = 0.03


class Jobs(server.Jobs):
    tables = f"{server.TABLES}CREATE TABLE IF NOT EXISTS cursors (job TEXT PRIMARY KEY, next INT);"

    def _work(self, job: str) -> None:
        [(total, batch)] = self._ask("SELECT total, batch FROM jobs WHERE id = ?", job)
        cursor = self._ask("SELECT next FROM cursors WHERE job = ?", job)
        for first in range(cursor[0][0] if cursor else 0, total, batch):
            time.sleep(WORK_S / 2)
            numbers = range(first, min(first + batch, total))
            self._ask("INSERT OR REPLACE INTO cursors VALUES (?, ?)", job, numbers.stop)
            time.sleep(WINDOW_S)
            rows = ", ".join(f"('{job}', {n}, {n * n})" for n in numbers)
            self._effects.append(job, numbers)
            self._ask(f"INSERT INTO records VALUES {rows}")
            time.sleep(WORK_S / 2)
            self._ask("UPDATE jobs SET done = ? WHERE id = ?", numbers.stop, job)
        self._ask("UPDATE jobs SET done = total WHERE id = ?", job)


if __name__ == "__main__":
    server.main(Jobs)
