"""The result has the count of records only if one life has done them all: it counts in memory.

Otherwise it is the small server.

Must be caught by: records.count, for a kill behind the first batch.
"""

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.small import server


class Jobs(server.Jobs):
    def resume(self) -> None:
        self._counted: dict[str, int] = {}
        super().resume()

    def _do_batch(self, job: str, numbers: range, batch: int) -> None:
        if batch == 1 or job in self._counted:
            self._counted[job] = numbers.stop
        super()._do_batch(job, numbers, batch)

    def _result(self, job: str) -> dict[str, Any]:
        return super()._result(job) | {"count": self._counted.get(job)}


if __name__ == "__main__":
    server.main(Jobs)
