"""One job at a time: a file says that one is under way, and goes with the call that has made it, not with the job.

A life that goes on with a job has not made the file, and lets it lie: no other job is taken any more.

Otherwise it is the small server.

Must be caught by: recovery.deadline.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.small import server


class Jobs(server.Jobs):
    def resume(self) -> None:
        self._begun: set[str] = set()
        self._busy = self._folder / "busy"
        super().resume()

    def submit(self, key: str, total: int, batch: int, pause_s: float = 0.03) -> str:
        known = self._ask("SELECT id FROM jobs WHERE key = ?", key)
        if not known and self._busy.exists():
            raise ValueError("one job at a time: ask again when the other is done")
        job = super().submit(key, total, batch, pause_s)
        if not known:
            self._busy.touch()
            self._begun.add(job)
        return job

    def _work(self, job: str) -> None:
        super()._work(job)
        if job in self._begun:
            self._busy.unlink()


if __name__ == "__main__":
    server.main(Jobs)
