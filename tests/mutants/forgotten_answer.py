"""What a job was given is kept in memory: a later life asks for it again.

Must be caught by: task.input-forgotten.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.mutants import asks, operated
from tests.small.server import Effects


class Forgetful(asks.Asks):
    def __init__(self, folder: Path, effects: Effects) -> None:
        self.given: dict[str, str] = {}
        super().__init__(folder, effects)

    def answered(self, job: str) -> bool:
        return job in self.given

    def give(self, job: str, answer: str) -> None:
        self.given[job] = answer


if __name__ == "__main__":
    operated.main(Forgetful)
