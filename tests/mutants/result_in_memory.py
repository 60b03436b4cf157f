"""What a finished job has come to is kept in memory: after the next restart its task says completed, and no more.

Otherwise it is the small server.

Must be caught by: task.resurrected.
"""

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.small import server


class Jobs(server.Jobs):
    def resume(self) -> None:
        self._found = {job for (job,) in self._ask("SELECT id FROM jobs WHERE done = total")}
        super().resume()

    def status(self, job: str) -> dict[str, Any]:
        said = super().status(job)
        return said | {"result": None} if job in self._found else said


if __name__ == "__main__":
    server.main(Jobs)
