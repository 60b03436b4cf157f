"""Completed is said with the last batch, and the result is stored a little later.

Otherwise it is the small server. While it lives nobody sees that. A life that finds a job completed has nothing left to
do for it.

Must be caught by: task.false-success, for a kill between the last batch and the result.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.small import server

RESULT_S = 0.05


class Jobs(server.Jobs):
    tables = f"{server.TABLES}CREATE TABLE IF NOT EXISTS results (job TEXT PRIMARY KEY, result TEXT);"

    def resume(self) -> None:
        for (job,) in self._ask("SELECT id FROM jobs WHERE done < total"):
            self.go_on(job)

    def _work(self, job: str) -> None:
        super()._work(job)
        time.sleep(RESULT_S)  # the work on the result
        self._ask("INSERT INTO results VALUES (?, ?)", job, json.dumps(self._result(job)))
        self._under_way.discard(job)

    def status(self, job: str) -> dict[str, Any]:
        [(total, batch, done)] = self._ask("SELECT total, batch, done FROM jobs WHERE id = ?", job)
        if done < total or job in self._under_way:
            return {"id": job, "status": "running", "progress": max(done - batch, 0), "total": total}
        result = [json.loads(text) for (text,) in self._ask("SELECT result FROM results WHERE job = ?", job)]
        return {"id": job, "status": "completed", "progress": done, "total": total, "result": next(iter(result), None)}


if __name__ == "__main__":
    server.main(Jobs)
