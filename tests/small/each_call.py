"""The small server, which promises nothing of the same call: each is another job, whatever its key."""

from __future__ import annotations

import sys
from itertools import count
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.small import server

calls = count()


class EachCall(server.Jobs):
    def submit(self, key: str, total: int, batch: int, pause_s: float = 0.03) -> str:
        lives = self._ask("SELECT count(*) FROM jobs")[0][0]
        return super().submit(f"{key}-{lives}-{next(calls)}", total, batch, pause_s)


if __name__ == "__main__":
    server.main(EachCall)
