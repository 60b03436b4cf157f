"""A call goes on without its client, and another one that finds it at work does not wait for it: both do the rest.

Must be caught by: records.duplicated (and effects.rework), for a client that comes back before the old call has ended.
"""

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.mutants import call
from tests.small import server


class Jobs(call.Jobs):
    tables = server.TABLES.replace(", PRIMARY KEY (job, n)", "")

    def call(self, job: str, tell: call.Tell) -> dict[str, Any] | None:
        def told(done: int) -> bool:
            tell(done)
            return True

        return self._call(job, told)


if __name__ == "__main__":
    server.main(Jobs, call.Handler)
