"""A core task that a restart has found stops one batch early, and says that it has completed.

Must be caught by: records.lost.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.mutants import core_tasks
from tests.mutants.operated import COMPLETED, RUNNING


class Tasks(core_tasks.Tasks):
    def resume(self) -> None:
        self.found = {str(job) for (job,) in self._ask("SELECT id FROM jobs WHERE done < total")}
        super().resume()

    def stands(self, job: str) -> str:
        stands = super().stands(job)
        if stands == RUNNING and job in self.found:
            [(total, batch, done)] = self._ask("SELECT total, batch, done FROM jobs WHERE id = ?", job)
            return COMPLETED if done >= total - batch else RUNNING
        return stands


if __name__ == "__main__":
    core_tasks.main(Tasks)
