"""That a job waits is known to the life that has come to the place; the next one finds it unfinished, and goes on.

Must be caught by: task.input-forgotten.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.mutants import asks, operated
from tests.small.server import Effects


class Heedless(asks.Asks):
    def __init__(self, folder: Path, effects: Effects) -> None:
        self.came: set[str] = set()
        super().__init__(folder, effects)

    def batch(self, job: str) -> None:
        before = self.is_half_done(job)
        super().batch(job)
        if not before and self.is_half_done(job):
            self.came.add(job)

    def waits(self, job: str) -> bool:
        return job in self.came and super().waits(job)


if __name__ == "__main__":
    operated.main(Heedless)
