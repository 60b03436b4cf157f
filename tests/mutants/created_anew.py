"""A task says that it was created when the server was started: the time is kept in memory only.

Otherwise it is the small server.

Must be caught by: task.identity.
"""

import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.small import server

STARTED = time.time()


class Jobs(server.Jobs):
    def status(self, job: str) -> dict[str, Any]:
        return super().status(job) | {"created_at": STARTED}


if __name__ == "__main__":
    server.main(Jobs)
