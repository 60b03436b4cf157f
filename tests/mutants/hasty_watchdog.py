"""A watchdog takes a pause for a death: when the server has stood still for a while, a second worker is started.

The first one was not dead, and goes on as well: what both of them do is in the output twice. Leases that run out by the
clock, without an epoch that a late worker could be told apart by, do the same.

Otherwise it is the small server.

Must be caught by: records.duplicated.
"""

import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.small import server

PACE_S, PATIENCE_S = 0.06, 0.2


class Jobs(server.Jobs):
    tables = server.TABLES.replace(", PRIMARY KEY (job, n)", "")

    def resume(self) -> None:
        self._beat: dict[str, float] = {}
        super().resume()

    def go_on(self, job: str) -> None:
        super().go_on(job)
        threading.Thread(target=self._watch, args=(job,), daemon=True).start()

    def _watch(self, job: str) -> None:
        while self.status(job)["status"] == "running":
            time.sleep(PATIENCE_S / 10)
            if time.monotonic() - self._beat.setdefault(job, time.monotonic()) > PATIENCE_S:
                threading.Thread(target=self._work, args=(job,), daemon=True).start()

    def _work(self, job: str) -> None:
        [(total, batch, done)] = self._ask("SELECT total, batch, done FROM jobs WHERE id = ?", job)
        for first in range(done, total, batch):
            self._beat[job] = time.monotonic()
            time.sleep(PACE_S)  # the work
            self._do_batch(job, range(first, min(first + batch, total)), first // batch + 1)


if __name__ == "__main__":
    server.main(Jobs)
