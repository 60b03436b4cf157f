"""How far a job is stands in a file that is written in place, and is empty for some microseconds of each batch.

Otherwise it is the small server; records are stored once, however often they are made. Must be caught by:
effects.rework, for a kill between the open that empties the file and the write.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.small import server


class Jobs(server.Jobs):
    def _work(self, job: str) -> None:
        [(total, batch, pause_s)] = self._ask("SELECT total, batch, pause_s FROM jobs WHERE id = ?", job)
        cursor = self._folder / f"{job}.cursor"
        done = int(cursor.read_text() or 0) if cursor.exists() else 0
        for first in range(done, total, batch):
            numbers = range(first, min(first + batch, total))
            self._effects.append(job, numbers)
            with self._lock:
                self._db.execute("BEGIN")
                rows = [(job, n, n * n) for n in numbers]
                self._db.executemany("INSERT OR IGNORE INTO records VALUES (?, ?, ?)", rows)
                self._db.execute("UPDATE jobs SET done = max(done, ?) WHERE id = ?", (numbers.stop, job))
                self._db.execute("COMMIT")
            cursor.write_text(str(numbers.stop))
            time.sleep(pause_s)


if __name__ == "__main__":
    server.main(Jobs)
