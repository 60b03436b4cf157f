"""Tasks live in a dictionary: after a restart the handle that a client holds resolves to nothing.

The commonest background job of all, and the second seed system without its database.

Otherwise it is the small server.

Must be caught by: task.vanished.
"""

import sqlite3
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.small import server


class Jobs(server.Jobs):
    def resume(self) -> None:
        self._db = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        self._db.executescript(self.tables)


if __name__ == "__main__":
    server.main(Jobs)
