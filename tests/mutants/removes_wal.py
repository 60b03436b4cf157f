"""A start tidies up: what SQLite has left beside the database is taken for rubbish.

Otherwise it is the small server.

Must be caught by: task.vanished, as the write-ahead log has what was committed.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.small import server


class Jobs(server.Jobs):
    def __init__(self, folder: Path, effects: server.Effects) -> None:
        for left in (*folder.glob("*-wal"), *folder.glob("*-shm")):
            left.unlink()
        super().__init__(folder, effects)


if __name__ == "__main__":
    server.main(Jobs)
