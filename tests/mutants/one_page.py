"""Records are read in one page of a hundred, and there is no other.

Otherwise it is the small server.

Must be caught by: records.lost, in a job of more than a page, undisturbed.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.small import server

PAGE = 100


class Jobs(server.Jobs):
    def records(self, job: str) -> list[dict[str, int]]:
        return super().records(job)[:PAGE]


if __name__ == "__main__":
    server.main(Jobs)
