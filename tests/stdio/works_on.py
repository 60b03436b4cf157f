"""Its client has gone, and it works on to the end of its jobs, while its successor goes on with them too.

Each of the two stores what it has done, wherever the job stands. Otherwise it is the server that does it right.

Must be caught by: records.duplicated.
"""

import sys
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.stdio import server


class Jobs(server.Jobs):
    def go_on(self, job: str) -> None:
        threading.Thread(target=self.work, args=(job,)).start()  # no daemon: the life is as long as it is

    def stop(self) -> None:
        """Nothing is told to stop."""

    def store(self, job: str, numbers: range, total: int) -> None:
        state = "completed" if numbers.stop == total else "running"
        with self.lock:
            self.db.execute("BEGIN IMMEDIATE")
            self.db.execute("UPDATE jobs SET done = ?, state = ? WHERE id = ?", (numbers.stop, state, job))
            self.db.executemany("INSERT INTO records VALUES (?, ?, ?)", [(job, n, n * n) for n in numbers])
            self.db.execute("COMMIT")


if __name__ == "__main__":
    server.main(Jobs)
