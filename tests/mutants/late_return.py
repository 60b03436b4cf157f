"""A call whose client has gone takes the batch back that nobody has heard of, and forgets its cursor.

Where the client is back before that, its new call is there, and nothing is taken back.

Must be caught by: records.lost, for a client that comes back behind the batch in which it went.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.mutants import call
from tests.small import server


class Jobs(call.Jobs):
    def left(self, job: str, numbers: range) -> None:
        if self.callers[job] == 1:
            self._ask("DELETE FROM records WHERE job = ? AND n >= ?", job, numbers.start)


if __name__ == "__main__":
    server.main(Jobs, call.Handler)
