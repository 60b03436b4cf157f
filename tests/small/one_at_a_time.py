"""The small server, which takes one job at a time: while one goes on, another is refused in plain words."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.small import server


class Jobs(server.Jobs):
    def submit(self, key: str, total: int, batch: int, pause_s: float = 0.03) -> str:
        if self._ask("SELECT id FROM jobs WHERE done < total AND key != ?", key):
            raise ValueError("one job at a time: ask again when the other is done")
        return super().submit(key, total, batch, pause_s)


if __name__ == "__main__":
    server.main(Jobs)
