"""Records are given in the order of the lives that have written them, the latest first.

Otherwise it is the small server.

Must be caught by: records.reordered, for a kill behind the first batch.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.small import server


class Jobs(server.Jobs):
    def resume(self) -> None:
        self._begun = dict(self._ask("SELECT id, done FROM jobs WHERE done < total"))
        super().resume()

    def records(self, job: str) -> list[dict[str, int]]:
        found, begun = super().records(job), self._begun.get(job, 0)
        return found[begun:] + found[:begun]


if __name__ == "__main__":
    server.main(Jobs)
