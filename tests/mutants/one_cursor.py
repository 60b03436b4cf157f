"""A checkpoint of all jobs is one row, of the job that has moved last: of two that were under way one is done anew.

With one job at a time nothing is ever wrong. Must be caught by: effects.rework.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.mutants import steals
from tests.small import server


class Jobs(steals.Jobs):
    tables = server.TABLES + "CREATE TABLE IF NOT EXISTS checkpoint (one INT PRIMARY KEY, job TEXT, done INT);"

    def resume(self) -> None:
        """What is not done, and is not what the checkpoint is of, begins anew."""
        latest = self._ask("SELECT job FROM checkpoint")
        name = latest[0][0] if latest else ""
        self._ask("UPDATE jobs SET done = 0 WHERE done < total AND id != ?", name)
        super().resume()

    def _do_batch(self, job: str, numbers: range, batch: int) -> None:
        super()._do_batch(job, numbers, batch)
        self._ask("INSERT OR REPLACE INTO checkpoint VALUES (1, ?, ?)", job, numbers.stop)


if __name__ == "__main__":
    server.main(Jobs)
