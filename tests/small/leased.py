"""The small server once more, of which any number may share a store: whoever works on a job has leased it.

Each claim of a job has an epoch of its own, and a batch is committed under the present one alone: who stood still for
longer than his lease comes too late. Mutants change one thing.
"""

import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.small import server

LEASE_S, LOOKING_S = 0.4, 0.05
TABLES = (
    server.TABLES
    + """
CREATE TABLE IF NOT EXISTS leases (job TEXT PRIMARY KEY, epoch INT, until_s REAL);
"""
)


class Jobs(server.Jobs):
    """The jobs, of which this server does those that it has leased."""

    tables = TABLES

    def resume(self) -> None:
        threading.Thread(target=self._look_around, daemon=True).start()

    def _look_around(self) -> None:
        while True:
            for (job,) in self._ask("SELECT id FROM jobs WHERE done < total"):
                self.go_on(job)
            time.sleep(LOOKING_S)

    def claim(self, job: str) -> int | None:
        """The epoch of our lease; None while it is another's."""
        now = time.monotonic()
        self._ask("INSERT OR IGNORE INTO leases VALUES (?, 0, 0)", job)
        claimed = self._ask(
            "UPDATE leases SET epoch = epoch + 1, until_s = ? WHERE job = ? AND until_s < ? RETURNING epoch",
            now + LEASE_S,
            job,
            now,
        )
        return claimed[0][0] if claimed else None

    def _work(self, job: str) -> None:
        try:
            if (epoch := self.claim(job)) is not None:
                self.work_under(job, epoch)
        finally:
            self._under_way.discard(job)

    def work_under(self, job: str, epoch: int) -> None:
        [(total, batch, pause_s, done)] = self._ask("SELECT total, batch, pause_s, done FROM jobs WHERE id = ?", job)
        for first in range(done, total, batch):
            if not self.commit(job, range(first, min(first + batch, total)), epoch, first // batch + 1):
                return
            time.sleep(pause_s)  # the work

    def commit(self, job: str, numbers: range, epoch: int, batch: int) -> bool:
        """Whether the batch was committed, under this epoch."""
        self._effects.append(job, numbers)
        server.reach("before-write", batch)
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            if not self.is_ours(job, epoch):
                self._db.execute("ROLLBACK")
                return False
            rows = [(job, n, n * n) for n in numbers]
            self._db.executemany("INSERT OR REPLACE INTO records VALUES (?, ?, ?)", rows)
            self._db.execute("UPDATE jobs SET done = ? WHERE id = ?", (numbers.stop, job))
            server.reach("written-uncommitted", batch)
            self._db.execute("COMMIT")
        server.reach("committed-unacknowledged", batch)
        server.reach("acknowledged", batch)
        return True

    def is_ours(self, job: str, epoch: int) -> bool:
        """Whether the lease of this epoch is the latest, which is longer now."""
        until_s = time.monotonic() + LEASE_S
        renewed = self._db.execute(
            "UPDATE leases SET until_s = ? WHERE job = ? AND epoch = ? RETURNING 1", (until_s, job, epoch)
        )
        return bool(renewed.fetchall())


if __name__ == "__main__":
    server.main(Jobs)
