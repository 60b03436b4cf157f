"""A write that says that it has written a part is taken for one that has written all.

Must be caught by: records.lost.
"""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.mutants import filed
from tests.small import server


class Jobs(filed.Jobs):
    def write(self, descriptor: int, text: bytes) -> None:
        os.write(descriptor, text)


if __name__ == "__main__":
    server.main(Jobs)
