"""A full disk is taken for one that is nearly full: there are some blocks in reserve, it believes.

Must be caught by: records.lost.
"""

import errno
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
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise


if __name__ == "__main__":
    server.main(Jobs)
