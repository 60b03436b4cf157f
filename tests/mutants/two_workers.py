"""A new life goes on with a job when somebody asks for it, and looks whether it is under way before it has read it.

A single client asks one question at a time. Two who come back at the same moment are both told that nobody is at work,
and two workers do the job side by side.

Otherwise it is the small server.

Must be caught by: fencing.double-run.
"""

import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.mutants import side_by_side
from tests.small import server

READING_S = 0.08


class Jobs(side_by_side.Jobs):
    def resume(self) -> None:
        """Whoever asks for a job has it go on."""
        self._begun_here: set[str] = set()

    def submit(self, *arguments: Any, **named: Any) -> str:
        self._begun_here.add(job := super().submit(*arguments, **named))
        return job

    def status(self, job: str) -> dict[str, Any]:
        if job not in self._under_way | self._begun_here:
            time.sleep(READING_S)  # a checkpoint is big
            self._under_way.discard(job)
            self.go_on(job)
        return super().status(job)


if __name__ == "__main__":
    server.main(Jobs)
