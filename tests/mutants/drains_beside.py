"""Told to stop, it goes on with its job for a while, and a new life goes on with that job at once: two work on it.

Where the new life waits for the old one's end, nobody sees it.

Otherwise it is the small server.

Must be caught by: fencing.double-run.
"""

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.mutants import side_by_side
from tests.small import server

GRACE_S = 0.4


class Jobs(side_by_side.Jobs):
    def stop(self) -> None:
        time.sleep(GRACE_S)  # what is under way goes on meanwhile


if __name__ == "__main__":
    server.main(Jobs)
