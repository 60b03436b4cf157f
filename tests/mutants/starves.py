"""One worker does a batch of the newest job, again and again: who came first stands still as long as others come.

Must be caught by: task.orphaned.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.small import in_turn, server


class Jobs(in_turn.Jobs):
    def next(self) -> str | None:
        found = self._ask("SELECT id FROM jobs WHERE done < total ORDER BY rowid DESC LIMIT 1")
        return found[0][0] if found else None


if __name__ == "__main__":
    server.main(Jobs)
