"""Its jobs are in memory: whoever starts it again finds none.

Otherwise it is the server that does it right.

Must be caught by: task.vanished.
"""

import sqlite3
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.stdio import server


class Jobs(server.Jobs):
    def connect(self, folder: Path) -> sqlite3.Connection:
        return sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)


if __name__ == "__main__":
    server.main(Jobs)
