"""A server that starts takes every unfinished job for that of a dead one, whoever works on it: two do.

Must be caught by: fencing.double-run.
"""

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.small import server


class Jobs(server.Jobs):
    def _do_batch(self, job: str, numbers: range, batch: int) -> None:
        """A record that is there already is written once more, as it was."""
        self._effects.append(job, numbers)
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            rows = [(job, n, n * n) for n in numbers]
            self._db.executemany("INSERT OR REPLACE INTO records VALUES (?, ?, ?)", rows)
            self._db.execute("UPDATE jobs SET done = max(done, ?) WHERE id = ?", (numbers.stop, job))
            self._db.execute("COMMIT")
        time.sleep(0.01)


if __name__ == "__main__":
    server.main(Jobs)
