"""A new life knows of unfinished jobs alone, and a new job's id is how many it knows, plus one: one that had ended
is written over.

Killed in mid-job it counts right; who looks only once never sees it.

Otherwise it is the small server.

Must be caught by: task.identity (and the first job, read again, has lost records).
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.small import server


class Jobs(server.Jobs):
    def resume(self) -> None:
        for (job,) in self._ask("SELECT id FROM jobs WHERE done < total"):
            self.go_on(job)

    def submit(self, key: str, total: int, batch: int, pause_s: float = 0.03) -> str:
        if known := self._ask("SELECT id FROM jobs WHERE key = ?", key):
            return str(known[0][0])
        job = str(len(self._under_way) + 1)
        self._ask("DELETE FROM records WHERE job = ?", job)
        self._ask("INSERT OR REPLACE INTO jobs VALUES (?, ?, ?, ?, ?, 0)", job, key, total, batch, pause_s)
        return job


if __name__ == "__main__":
    server.main(Jobs)
