"""The time at which a core task was created is that of the life in which it is asked for first.

Must be caught by: task.identity.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.mutants import core_tasks
from tests.small.server import Effects


class Tasks(core_tasks.Tasks):
    def __init__(self, folder: Path, effects: Effects) -> None:
        self.lives = folder / "lives"
        folder.mkdir(parents=True, exist_ok=True)
        with self.lives.open("a", encoding="utf-8") as lives:
            lives.write("x")
        super().__init__(folder, effects)

    def born(self, job: str) -> tuple[str, int | None]:
        created_at, ttl = super().born(job)
        return f"{created_at[:-1]}.{self.lives.stat().st_size:03}Z", ttl


if __name__ == "__main__":
    core_tasks.main(Tasks)
