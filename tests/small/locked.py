"""The small server once more, which has its store alone: a second one on the same store says so, and ends."""

import fcntl
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.small import server


class Jobs(server.Jobs):
    """The jobs of the one who has the lock, which the kernel takes back when he is dead."""

    def __init__(self, folder: Path, effects: server.Effects) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._lock_file = (folder / "lock").open("a")
        try:
            fcntl.flock(self._lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            sys.exit(f"{folder} is the store of another server, which lives: stop that one first")
        super().__init__(folder, effects)


if __name__ == "__main__":
    server.main(Jobs)
