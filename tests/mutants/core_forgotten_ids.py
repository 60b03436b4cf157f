"""tasks/get knows the core tasks of this life alone: after a restart each of them is unknown.

Must be caught by: task.vanished.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.mutants import core_tasks


class Tasks(core_tasks.Tasks):
    def resume(self) -> None:
        self.found = {str(job) for (job,) in self._ask("SELECT id FROM jobs")}
        super().resume()

    def check(self, job: str, user: str) -> None:
        super().check(job, user)
        if job in self.found:
            raise LookupError(f"there is no task {job}")


if __name__ == "__main__":
    core_tasks.main(Tasks)
