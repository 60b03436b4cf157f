"""A life that is told to end saves where it is: the batch that it is at work on counts as done.

Otherwise it is the small server.

Must be caught by: records.lost, for a planned restart in the middle of a batch.
"""

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.small import server


class Jobs(server.Jobs):
    def resume(self) -> None:
        self._at: dict[str, int] = {}
        super().resume()

    def _work(self, job: str) -> None:
        [(total, batch, pause_s, done)] = self._ask("SELECT total, batch, pause_s, done FROM jobs WHERE id = ?", job)
        for first in range(done, total, batch):
            self._at[job] = min(first + batch, total)
            time.sleep(pause_s)  # the work
            self._do_batch(job, range(first, self._at[job]), first // batch + 1)

    def stop(self) -> None:
        for job, end in self._at.items():
            self._ask("UPDATE jobs SET done = ? WHERE id = ?", end, job)


if __name__ == "__main__":
    server.main(Jobs)
