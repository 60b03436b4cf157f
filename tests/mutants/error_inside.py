"""A restart in mid-job leaves an error, and the job says completed all the same: the error stands in its result.

Otherwise it is the small server.

Must be caught by: error.honest.
"""

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.small import server


class Jobs(server.Jobs):
    def resume(self) -> None:
        self._interrupted = {job for (job,) in self._ask("SELECT id FROM jobs WHERE done < total")}
        super().resume()

    def status(self, job: str) -> dict[str, Any]:
        said = super().status(job)
        shown = job in self._interrupted and said["status"] == "completed"
        return said | {"error": "interrupted"} if shown else said


if __name__ == "__main__":
    server.main(Jobs)
