"""The small server once more, which reads its book while it answers already, and says so in words of its own.

--breaks: that is an error of another kind.
--denies: meanwhile it says of each job what it says of one that there never was.
--forgets: it never comes to the end of it.
--refuses: meanwhile it takes no job either, and there is always something to read, behind its first start too.
"""

import sys
import threading
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.small import server

OPTIONS = ("--breaks", "--denies", "--forgets", "--refuses")
BREAKS, DENIES, FORGETS, REFUSES = (option in sys.argv for option in OPTIONS)
READING_S = 0.8 if REFUSES else 0.4


class Jobs(server.Jobs):
    """The jobs that were read."""

    def resume(self) -> None:
        known = self._ask("SELECT id FROM jobs")
        self._read = threading.Event()
        if known or REFUSES:
            threading.Thread(target=self._read_book, daemon=True).start()
        else:
            self._read.set()

    def _read_book(self) -> None:
        time.sleep(READING_S)  # there is a lot of it
        if not FORGETS:
            self._read.set()
            super().resume()

    def submit(self, key: str, total: int, batch: int, pause_s: float = 0.03) -> str:
        if not self._read.is_set() and REFUSES:
            raise KeyError("Geduld, das Buch wird aufgeschlagen")
        self._read.wait()
        return super().submit(key, total, batch, pause_s)

    def status(self, job: str) -> dict[str, Any]:
        if not self._read.is_set() and BREAKS:
            raise KeyError("was noch nicht gelesen wurde")
        if not self._read.is_set() and not DENIES:
            raise ValueError(f"Geduld, das Buch wird aufgeschlagen; danach steht {job} wieder da")
        if not self._read.is_set() or not self._ask("SELECT id FROM jobs WHERE id = ?", job):
            raise ValueError(f"den Auftrag {job} kennt niemand")
        return super().status(job)


if __name__ == "__main__":
    sys.argv = [word for word in sys.argv if word not in OPTIONS]
    server.main(Jobs)
