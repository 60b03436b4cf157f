"""The small server once more, which does not go on when its store fails it.

As it stands here it ends, with a word: whoever runs it starts it again, and it goes on behind its last batch. With
``--tell`` it stays, and the job says that it has failed, and of what.
"""

import os
import sqlite3
import sys
import traceback
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.small import server

TELLS = "--tell" in sys.argv


class Jobs(server.Jobs):
    """The jobs, on a store that may fail."""

    def __init__(self, folder: Path, effects: server.Effects) -> None:
        self._failed: dict[str, str] = {}
        super().__init__(folder, effects)

    def _work(self, job: str) -> None:
        try:
            super()._work(job)
        except (sqlite3.Error, OSError) as error:
            traceback.print_exc()
            if not TELLS:
                os._exit(1)
            self._failed[job] = str(error)

    def status(self, job: str) -> dict[str, Any]:
        document = super().status(job)
        return document | {"status": "failed", "error": self._failed[job]} if job in self._failed else document


if __name__ == "__main__":
    if TELLS:
        sys.argv.remove("--tell")
    server.main(Jobs)
