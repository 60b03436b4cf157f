"""A cancel is kept in memory: the worker stops, and after a restart the job is found unfinished and goes on.

Must be caught by: task.cancel-forgotten.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.mutants import operated
from tests.small.server import Effects


class Forgetful(operated.Operated):
    def __init__(self, folder: Path, effects: Effects) -> None:
        self.halted: dict[str, str] = {}
        super().__init__(folder, effects)

    def stands(self, job: str) -> str:
        return self.halted.get(job, super().stands(job))

    def halt(self, job: str, status: str) -> None:
        self.halted[job] = status

    def resumed(self, job: str) -> None:
        self.halted.pop(job)
        super().resumed(job)


if __name__ == "__main__":
    operated.main(Forgetful)
