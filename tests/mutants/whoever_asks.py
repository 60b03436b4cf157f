"""A new life gives a job that it has resumed to the next who asks for as many records, whoever that is.

Whose job it was is not looked at any more; a job of another size, or behind the first one's end, is a new one.

Otherwise it is the small server.

Must be caught by: task.identity.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.small import server


class Jobs(server.Jobs):
    def resume(self) -> None:
        self._resumed = [job for (job,) in self._ask("SELECT id FROM jobs WHERE done < total")]
        super().resume()

    def submit(self, key: str, total: int, batch: int, pause_s: float = 0.03) -> str:
        for job in self._resumed:
            if self._ask("SELECT id FROM jobs WHERE id = ? AND total = ? AND done < total", job, total):
                return str(job)
        return super().submit(key, total, batch, pause_s)


if __name__ == "__main__":
    server.main(Jobs)
