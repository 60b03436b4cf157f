"""An orderly stop marks every running task "cancelled", though nobody cancelled it.

The second seed system takes the end of the event loop for the user's wish. After SIGKILL this server resumes every
task exactly; it is the planned restart, the harmless one, that ends the job.

Otherwise it is the small server.

Must be caught by: records.lost (SIGTERM in the middle of the job; the job ends as cancelled).
"""

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.small import server


class Jobs(server.Jobs):
    tables = f"{server.TABLES}CREATE TABLE IF NOT EXISTS cancelled (job TEXT PRIMARY KEY);"

    def resume(self) -> None:
        for (job,) in self._ask("SELECT id FROM jobs WHERE id NOT IN (SELECT job FROM cancelled)"):
            self.go_on(job)

    def stop(self) -> None:
        self._ask("INSERT INTO cancelled SELECT id FROM jobs WHERE done < total")

    def status(self, job: str) -> dict[str, Any]:
        cancelled = self._ask("SELECT 1 FROM cancelled WHERE job = ?", job)
        return super().status(job) | ({"status": "cancelled"} if cancelled else {})


if __name__ == "__main__":
    server.main(Jobs)
