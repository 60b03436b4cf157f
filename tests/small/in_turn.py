"""The small server once more, with one worker: each job has its turn when those that came before it are done."""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.small import server

LOOKING_S = 0.01


class Jobs(server.Jobs):
    """The jobs, a batch at a time, of whichever is next."""

    def resume(self) -> None:
        threading.Thread(target=self._turns, daemon=True).start()

    def go_on(self, job: str) -> None:
        """It will have its turn."""

    def next(self) -> str | None:
        """The oldest that is not done."""
        found = self._ask("SELECT id FROM jobs WHERE done < total ORDER BY rowid LIMIT 1")
        return found[0][0] if found else None

    def _turns(self) -> None:
        while True:
            if (job := self.next()) is None:
                time.sleep(LOOKING_S)
                continue
            [(total, batch, pause_s, done)] = self._ask(
                "SELECT total, batch, pause_s, done FROM jobs WHERE id = ?", job
            )
            self._do_batch(job, range(done, min(done + batch, total)), done // batch + 1)
            time.sleep(pause_s)  # the work


if __name__ == "__main__":
    server.main(Jobs)
