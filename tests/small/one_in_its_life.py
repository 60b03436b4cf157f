"""The small server, which takes one job in its life, and no other behind that. Who has made it is known by its key.

``--forgets``: whose it is is kept in memory, and a new life gives it to whoever asks first.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.small import server

FORGETS = "--forgets"


class Jobs(server.Jobs):
    forgets = False

    def resume(self) -> None:
        self._given = False
        super().resume()

    def submit(self, key: str, total: int, batch: int, pause_s: float = 0.03) -> str:
        (job, whose), *_ = [*self._ask("SELECT id, key FROM jobs"), ("", key)]
        if job and self.forgets and not self._given:
            self._given = True
            return str(job)
        if whose != key:
            raise ValueError("we do one job, and have done with that")
        self._given = True
        return super().submit(key, total, batch, pause_s)


if __name__ == "__main__":
    Jobs.forgets = FORGETS in sys.argv
    sys.argv = [word for word in sys.argv if word != FORGETS]
    server.main(Jobs)
