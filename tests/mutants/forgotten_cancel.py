"""A cancel is kept in memory: the worker stops, and after a restart the task is found unfinished and goes on.

Must be caught by: task.cancel-forgotten.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.mutants.operated import Operated


class Forgetful(Operated):
    def __init__(self) -> None:
        self.halted: dict[str, str] = {}
        super().__init__("forgotten cancel")

    def status(self, task_id: str) -> str:
        return self.halted.get(task_id, super().status(task_id))

    def halt(self, task_id: str, status: str) -> None:
        self.halted[task_id] = status


if __name__ == "__main__":
    Forgetful().serve()
