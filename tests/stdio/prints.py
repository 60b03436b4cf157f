"""It says on standard output what it is doing, between its messages. Otherwise it is the server that does it right.

Must be named: wire.invalid, beside the verdict.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.stdio import server


class Jobs(server.Jobs):
    def store(self, job: str, numbers: range, total: int) -> None:
        super().store(job, numbers, total)
        sys.stdout.write(f"stored {numbers.stop} of {total}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    server.main(Jobs)
