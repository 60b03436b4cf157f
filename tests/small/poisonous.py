"""The small server once more, with jobs that cannot be done: they raise, end the process, or never return.

What ends the process is given up at the second start that finds it under way. Mutants change one thing.
"""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.small import server

WAYS = {1: "raises", 2: "exits", 3: "hangs"}  # by the size of such a job, in negative records


class Jobs(server.Jobs):
    """The jobs, of which some are poison."""

    most_starts = 1
    tables = server.TABLES + "CREATE TABLE IF NOT EXISTS starts (job TEXT PRIMARY KEY, number INT);"

    def _work(self, job: str) -> None:
        [(total,)] = self._ask("SELECT total FROM jobs WHERE id = ?", job)
        if total > 0:
            super()._work(job)
            return
        self._ask("INSERT OR IGNORE INTO starts VALUES (?, 0)", job)
        [(number,)] = self._ask("UPDATE starts SET number = number + 1 WHERE job = ? RETURNING number", job)
        if number > self.most_starts:
            return
        match WAYS[-total]:
            case "raises":
                raise RuntimeError("this cannot be done")
            case "exits":
                os._exit(3)
            case _:
                threading.Event().wait()

    def status(self, job: str) -> dict[str, Any]:
        document = super().status(job)
        return document | {"status": "failed", "error": "it cannot be done"} if document["total"] < 0 else document


def main(jobs: type[Jobs] = Jobs) -> None:
    """Serve; what a job raises is told in a line."""
    threading.excepthook = lambda told: print(told.exc_value, file=sys.stderr, flush=True)
    server.main(jobs)


if __name__ == "__main__":
    main()
