"""A life says how far it has got itself, until it is two batches old; only then how far the job is.

Otherwise it is the small server.

Must be caught by: progress.regressed, by whoever looks at once; the records are right, and soon the progress is too.
"""

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.small import server


class Jobs(server.Jobs):
    def resume(self) -> None:
        self._begun = {
            job: (done, done + 2 * batch) for job, done, batch in self._ask("SELECT id, done, batch FROM jobs")
        }
        super().resume()

    def status(self, job: str) -> dict[str, Any]:
        said = super().status(job)
        begun, caught_up = self._begun.get(job, (0, 0))
        return said | {"progress": said["progress"] - begun} if said["progress"] < caught_up else said


if __name__ == "__main__":
    server.main(Jobs)
