"""All jobs have their turns with one worker, and one of them never gives its turn back: nothing moves any more.

Must be caught by: recovery.deadline.
"""

import sys
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.small import in_turn, server


class Jobs(in_turn.Jobs):
    def next(self) -> str | None:
        """The one that has waited longest is the next."""
        if self._ask("SELECT 1 FROM jobs WHERE total < 0"):
            threading.Event().wait()
        return super().next()


if __name__ == "__main__":
    server.main(Jobs)
