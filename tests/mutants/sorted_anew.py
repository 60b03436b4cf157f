"""Results that are found at a start are sorted as text: 10 comes before 2.

Otherwise it is the small server.

Must be caught by: task.resurrected, when the result of a finished job is read again after a restart.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.small import server


class Jobs(server.Jobs):
    def resume(self) -> None:
        self._found = {job for (job,) in self._ask("SELECT id FROM jobs WHERE done = total")}
        super().resume()

    def records(self, job: str) -> list[dict[str, int]]:
        found = super().records(job)
        return sorted(found, key=lambda record: str(record["n"])) if job in self._found else found


if __name__ == "__main__":
    server.main(Jobs)
