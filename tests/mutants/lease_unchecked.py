"""A job is leased when it is begun, and the lease is not looked at again: who stood still for longer goes on.

Must be caught by: fencing.double-run.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.small import leased, server


class Jobs(leased.Jobs):
    def is_ours(self, job: str, epoch: int) -> bool:
        super().is_ours(job, epoch)
        return True


if __name__ == "__main__":
    server.main(Jobs)
