"""Each record holds the sum of all before it, and a life begins it at nothing.

Otherwise it is the small server.

Must be caught by: records.content, for a kill behind the first batch.
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
        begun, total = self._begun.get(job, 0), 0
        found = super().records(job)
        for record in found:
            total = record["square"] + (0 if record["n"] == begun else total)
            record["square"] = total
        return found


if __name__ == "__main__":
    server.main(Jobs)
