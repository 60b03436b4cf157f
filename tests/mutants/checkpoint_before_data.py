"""The checkpoint is durable before the data is: a kill between the two loses the batch.

Taken from the first seed system, which saves its checkpoint file and its data file one after the other. Here each of
the two writes is flawless (whole, renamed, fsynced); their order is the bug.

Otherwise it is the small server.

Must be caught by: records.lost (kill at written-uncommitted).
"""

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.small import server


class Jobs(server.Jobs):
    tables = f"{server.TABLES}CREATE TABLE IF NOT EXISTS cursors (job TEXT PRIMARY KEY, next INT);"

    def _work(self, job: str) -> None:
        [(total, batch, pause_s)] = self._ask("SELECT total, batch, pause_s FROM jobs WHERE id = ?", job)
        cursor = self._ask("SELECT next FROM cursors WHERE job = ?", job)
        for first in range(cursor[0][0] if cursor else 0, total, batch):
            self._do_batch(job, range(first, min(first + batch, total)), first // batch + 1)
            time.sleep(pause_s)  # the work
        self._ask("UPDATE jobs SET done = total WHERE id = ?", job)

    def _do_batch(self, job: str, numbers: range, batch: int) -> None:
        self._effects.append(job, numbers)
        server.reach("before-write", batch)
        self._ask("INSERT OR REPLACE INTO cursors VALUES (?, ?)", job, numbers.stop)
        server.reach("written-uncommitted", batch)
        rows = ", ".join(f"('{job}', {n}, {n * n})" for n in numbers)
        self._ask(f"INSERT INTO records VALUES {rows}")
        self._ask("UPDATE jobs SET done = ? WHERE id = ?", numbers.stop, job)
        server.reach("committed-unacknowledged", batch)
        server.reach("acknowledged", batch)


if __name__ == "__main__":
    server.main(Jobs)
