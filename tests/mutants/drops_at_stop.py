"""A life that is told to end does the rest of its jobs at once, and counts the last batch of each without writing it.

Otherwise it is the small server.

Must be caught by: records.lost, for a planned restart, though nothing is left that the restart could resume.
"""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.small import server


class Jobs(server.Jobs):
    def stop(self) -> None:
        for job, total, batch in self._ask("SELECT id, total, batch FROM jobs WHERE done < total"):
            with self._lock:  # nobody else is at work from now on
                [(done,)] = self._db.execute("SELECT done FROM jobs WHERE id = ?", (job,)).fetchall()
                rest = range(done, total - batch)
                self._effects.append(job, range(done, total))
                self._db.executemany("INSERT INTO records VALUES (?, ?, ?)", [(job, n, n * n) for n in rest])
                self._db.execute("UPDATE jobs SET done = total WHERE id = ?", (job,))
                os._exit(0)


if __name__ == "__main__":
    server.main(Jobs)
