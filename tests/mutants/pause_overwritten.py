"""A pause writes a status that the next batch overwrites. Taken from the first seed system.

Must be caught by: task.cancel-forgotten.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.mutants import operated


class Overwriting(operated.Operated):
    def batch(self, job: str) -> None:
        super().batch(job)
        self._ask("DELETE FROM halts WHERE job = ? AND status = ?", job, operated.PAUSED)


if __name__ == "__main__":
    operated.main(Overwriting)
