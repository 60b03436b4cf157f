"""A task is to be kept for an hour, and a restart forgets every task that has ended.

Otherwise it is the small server.

Must be caught by: task.vanished.
"""

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.small import server

HOUR_MS = 3_600_000


class Jobs(server.Jobs):
    def resume(self) -> None:
        self._ask("DELETE FROM jobs WHERE done = total")
        super().resume()

    def status(self, job: str) -> dict[str, Any]:
        return super().status(job) | {"ttlMs": HOUR_MS}


if __name__ == "__main__":
    server.main(Jobs)
