"""A write that fails is written to the log, and the batch counts as done all the same.

Must be caught by: records.lost.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.mutants import filed
from tests.small import server


class Jobs(filed.Jobs):
    def write(self, descriptor: int, text: bytes) -> None:
        try:
            super().write(descriptor, text)
        except OSError as error:
            print(f"warning: {error}", flush=True)


if __name__ == "__main__":
    server.main(Jobs)
