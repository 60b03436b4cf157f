"""The effect of a batch is done behind its commit: one that a kill comes before is never done.

Otherwise, and in its last batch, it is the small server.

Must be caught by: effects.lost.
"""

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.small import server


class Jobs(server.Jobs):
    def _do_batch(self, job: str, numbers: range, batch: int) -> None:
        [(total,)] = self._ask("SELECT total FROM jobs WHERE id = ?", job)
        if numbers.stop == total:
            super()._do_batch(job, numbers, batch)
            return
        with self._lock:
            self._db.execute("BEGIN")
            self._db.executemany("INSERT INTO records VALUES (?, ?, ?)", [(job, n, n * n) for n in numbers])
            self._db.execute("UPDATE jobs SET done = ? WHERE id = ?", (numbers.stop, job))
            self._db.execute("COMMIT")
        time.sleep(0.04)
        self._effects.append(job, numbers)


if __name__ == "__main__":
    server.main(Jobs)
