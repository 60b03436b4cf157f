"""Every job that a life finds at its start was interrupted, it says, the finished ones too.

Otherwise it is the small server. It goes on with the others; what had ended says failed from then on.

Must be caught by: task.resurrected, when a finished job is read again after a restart.
"""

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.small import server


class Jobs(server.Jobs):
    def resume(self) -> None:
        self._interrupted = {job for (job,) in self._ask("SELECT id FROM jobs WHERE done = total")}
        super().resume()

    def status(self, job: str) -> dict[str, Any]:
        said = super().status(job)
        return said | {"status": "failed", "error": "interrupted"} if job in self._interrupted else said


if __name__ == "__main__":
    server.main(Jobs)
