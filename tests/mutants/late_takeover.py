"""A start waits until the lease of its last life has run out before it goes on: longer than it claims.

Otherwise it is the small server.

Must be caught by: recovery.deadline.
"""

import sys
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.small import server

LEASE_S = 2.0


class Jobs(server.Jobs):
    def resume(self) -> None:
        for (job,) in self._ask("SELECT id FROM jobs"):
            threading.Timer(LEASE_S, self.go_on, (job,)).start()


if __name__ == "__main__":
    server.main(Jobs)
