"""The small server with a store of its own for all of its lives and runs; a job is known by its size alone.

The store is the folder in STORE. What one session has had done, the next one is handed out at once.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.small import server


class OneStore(server.Jobs):
    def __init__(self, _folder: Path, effects: server.Effects) -> None:
        super().__init__(Path(os.environ["STORE"]), effects)

    def submit(self, key: str, total: int, batch: int, pause_s: float = 0.0) -> str:
        return super().submit(f"{total}", total, batch, float(os.environ["PAUSE_S"]))


if __name__ == "__main__":
    server.main(OneStore)
