"""Told to stop, it goes on with its job for a while, and a new life goes on with that job at once: two work on it.

Where the new life waits for the old one's end, nobody sees it.

Otherwise it is the small server.

Must be caught by: fencing.double-run.
"""

import sqlite3
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.small import server

GRACE_S = 0.4


class Jobs(server.Jobs):
    def stop(self) -> None:
        time.sleep(GRACE_S)  # what is under way goes on meanwhile

    def _do_batch(self, job: str, numbers: range, batch: int) -> None:
        try:
            super()._do_batch(job, numbers, batch)
        except sqlite3.IntegrityError:  # somebody has written it: so it is done
            self._ask("ROLLBACK")


if __name__ == "__main__":
    server.main(Jobs)
