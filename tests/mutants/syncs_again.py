"""A sync that has failed is tried once more, and the second one succeeds: by then what it was to keep is gone.

Must be caught by: records.lost.
"""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.mutants import filed
from tests.small import server


class Jobs(filed.Jobs):
    def sync(self, descriptor: int) -> None:
        try:
            os.fsync(descriptor)
        except OSError:
            os.fsync(descriptor)


if __name__ == "__main__":
    server.main(Jobs)
