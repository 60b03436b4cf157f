"""A cancel is acknowledged and stored beside the job, and the worker looks at the row that it has read at its start.

Must be caught by: task.cancel-forgotten.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.mutants import operated


class Deaf(operated.Operated):
    def _work(self, job: str) -> None:
        [(total, batch, done)] = self._ask("SELECT total, batch, done FROM jobs WHERE id = ?", job)
        if self.stands(job) == operated.RUNNING:
            for _ in range(done, total, batch):
                self.batch(job)
                self._ask("DELETE FROM halts WHERE job = ?", job)  # it is written back as running


if __name__ == "__main__":
    operated.main(Deaf)
