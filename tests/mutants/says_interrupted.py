"""It claims to resume, and after a restart says of an unfinished job that it was interrupted.

Otherwise it is the small server.

Must be caught by: records.lost, in these words: it did not resume. Nobody but its profile could know that as an end.
"""

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.small import server


class Jobs(server.Jobs):
    def resume(self) -> None:
        self._found = {job for (job,) in self._ask("SELECT id FROM jobs WHERE done < total")}

    def status(self, job: str) -> dict[str, Any]:
        said = super().status(job)
        return said | {"status": "interrupted"} if job in self._found else said


if __name__ == "__main__":
    server.main(Jobs)
