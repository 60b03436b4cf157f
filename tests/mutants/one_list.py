"""The records of all jobs lie in one list, in which a record is known by its position: jobs write over each other.

Where all jobs are alike, or there is one, nobody sees it. A smaller job has records of a bigger one in its output.

Otherwise it is the small server.

Must be caught by: isolation.leak.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.small import server


class Jobs(server.Jobs):
    def records(self, job: str) -> list[dict[str, int]]:
        rows = self._ask("SELECT DISTINCT n, square FROM records ORDER BY n")
        return [{"n": n, "square": square} for n, square in rows]


if __name__ == "__main__":
    server.main(Jobs)
