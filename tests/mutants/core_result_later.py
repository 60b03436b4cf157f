"""A core task has completed with its last batch, and its result is stored a little later.

While it lives nobody sees that. A life that finds a task completed has nothing left to do for it.

Must be caught by: task.false-success, for a kill between the last batch and the result.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.mutants import core_tasks, operated

RESULT_S = 0.1


class Tasks(core_tasks.Tasks):
    tables = f"{core_tasks.Tasks.tables}CREATE TABLE IF NOT EXISTS results (job TEXT PRIMARY KEY, result TEXT);"

    def resume(self) -> None:
        for (job,) in self._ask("SELECT id FROM jobs WHERE done < total"):
            self.go_on(job)

    def go_on(self, job: str) -> None:
        if self._ask("SELECT 1 FROM jobs WHERE id = ? AND done < total", job):
            super().go_on(job)

    def _work(self, job: str) -> None:
        while operated.Operated.stands(self, job) == operated.RUNNING:
            self.batch(job)
        time.sleep(RESULT_S)  # the work on the result
        self._ask("INSERT INTO results VALUES (?, ?)", job, json.dumps({"count": len(self.records(job))}))
        self._under_way.discard(job)

    def status(self, job: str) -> dict[str, Any]:
        said = super().status(job)
        [(batch,)] = self._ask("SELECT batch FROM jobs WHERE id = ?", job)
        return said | ({"progress": max(said["progress"] - batch, 0)} if job in self._under_way else {})

    def stands(self, job: str) -> str:
        stands = super().stands(job)
        return operated.RUNNING if stands == operated.COMPLETED and job in self._under_way else stands

    def output(self, job: str) -> dict[str, Any]:
        stored = [json.loads(text) for (text,) in self._ask("SELECT result FROM results WHERE job = ?", job)]
        return {**next(iter(stored), {}), "records": self.records(job)}


if __name__ == "__main__":
    core_tasks.main(Tasks)
