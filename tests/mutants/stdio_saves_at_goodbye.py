"""What it has done is stored when its host says goodbye: a kill sends each job back to where that was last.

Must be caught by: progress.regressed.
"""

import sqlite3
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.stdio import server


class Jobs(server.Jobs):
    def connect(self, folder: Path) -> sqlite3.Connection:
        self.kept = super().connect(folder)
        memory = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        self.kept.backup(memory)
        return memory

    def save(self) -> None:
        with self.lock:
            self.db.backup(self.kept)

    def start(self, total: int, batch: int, key: str = "") -> dict[str, Any]:
        said = super().start(total, batch, key)
        self.save()
        return said

    def stop(self) -> None:
        super().stop()
        self.save()


if __name__ == "__main__":
    server.main(Jobs)
