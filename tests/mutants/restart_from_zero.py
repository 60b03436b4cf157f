"""Unfinished tasks are resumed at start, but from record 0: a recovery that remembers a task and forgets its place.

Taken from the second seed system, whose progress keeps no data behind it. The output is keyed by record, so a second
write replaces the first and the result is exact to the last byte; only the work that is done again gives it away.

Otherwise it is the small server.

Must be caught by: effects.rework (and progress.regressed).
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.small import server


class Jobs(server.Jobs):
    tables = server.TABLES.replace("PRIMARY KEY (job, n)", "PRIMARY KEY (job, n) ON CONFLICT REPLACE")

    def resume(self) -> None:
        self._ask("UPDATE jobs SET done = 0 WHERE done < total")
        super().resume()


if __name__ == "__main__":
    server.main(Jobs)
