"""A call that is repeated after a crash starts a second task beside the first.

Taken from the second seed system, where a lost answer and one retry run two migrations: every call gets an id of its
own, and what the client sends to be known by is not looked at. The result is exact; the job was done twice.

Must be caught by: task.duplicated (the effects file names two tasks).
"""

import sys
import uuid
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.mutants import call
from tests.small import server


class Jobs(call.Jobs):
    def submit(self, key: str, total: int, batch: int, pause_s: float = 0.03) -> str:
        return super().submit(f"{key}-{uuid.uuid4().hex}", total, batch, pause_s)


if __name__ == "__main__":
    server.main(Jobs, call.Handler)
