"""An unfinished job is given a new id at each start; the old one leads to it.

Otherwise it is the small server.

Must be caught by: task.identity.
"""

import sys
import uuid
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.small import server


class Jobs(server.Jobs):
    tables = f"{server.TABLES}CREATE TABLE IF NOT EXISTS names (old TEXT PRIMARY KEY, new TEXT);"

    def resume(self) -> None:
        for (old,) in self._ask("SELECT id FROM jobs WHERE done < total"):
            new = uuid.uuid4().hex
            self._ask("INSERT INTO names VALUES (?, ?)", old, new)
            self._ask("UPDATE records SET job = ? WHERE job = ?", new, old)
            self._ask("UPDATE jobs SET id = ? WHERE id = ?", new, old)
        super().resume()

    def _now(self, job: str) -> str:
        while named := self._ask("SELECT new FROM names WHERE old = ?", job):
            job = named[0][0]
        return job

    def status(self, job: str) -> dict[str, Any]:
        return super().status(self._now(job))

    def records(self, job: str) -> list[dict[str, int]]:
        return super().records(self._now(job))


if __name__ == "__main__":
    server.main(Jobs)
