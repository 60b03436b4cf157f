"""The small server once more, whose records are lines of a file; how far a job is stands in the database.

As it stands here it does it right: a batch is written whole and synced before it counts, and where that fails the
server ends. A line that is there twice is one record. Mutants change one thing.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.small import server


class Jobs(server.Jobs):
    """The jobs, with a file for each."""

    def path(self, job: str) -> Path:
        return self._folder / f"{job}.jsonl"

    def _work(self, job: str) -> None:
        try:
            super()._work(job)
        except Exception:  # whoever runs it starts it again
            traceback.print_exc()
            os._exit(1)

    def _do_batch(self, job: str, numbers: range, batch: int) -> None:
        self._effects.append(job, numbers)
        text = "".join(json.dumps({"n": n, "square": n * n}) + "\n" for n in numbers)
        descriptor = os.open(self.path(job), os.O_RDWR | os.O_CREAT | os.O_APPEND)
        try:
            self.begin_line(descriptor)
            self.write(descriptor, text.encode())
            self.sync(descriptor)
        finally:
            os.close(descriptor)
        self._ask("UPDATE jobs SET done = ? WHERE id = ?", numbers.stop, job)

    def begin_line(self, descriptor: int) -> None:
        """What was torn stands alone."""
        end = os.fstat(descriptor).st_size
        if end and os.pread(descriptor, 1, end - 1) != b"\n":
            self.write(descriptor, b"\n")

    def write(self, descriptor: int, text: bytes) -> None:
        while text:
            text = text[os.write(descriptor, text) :]

    def sync(self, descriptor: int) -> None:
        os.fsync(descriptor)

    def records(self, job: str) -> list[dict[str, int]]:
        """Those of whole lines, each once."""
        found: dict[int, dict[str, int]] = {}
        if self.path(job).exists():
            for line in self.path(job).read_text().split("\n"):
                try:
                    record = json.loads(line)
                    found[record["n"]] = record
                except (ValueError, KeyError):
                    continue
        return [found[n] for n in sorted(found)]


if __name__ == "__main__":
    server.main(Jobs)
