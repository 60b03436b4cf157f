"""The small server once more, which hears nobody before it has its store alone: it waits for the other one to go."""

import fcntl
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.small import server


class Jobs(server.Jobs):
    """The jobs of the one who has the lock, which the kernel takes back when he is dead."""

    def __init__(self, folder: Path, effects: server.Effects) -> None:
        self._alone = (folder / "lock").open("w")
        fcntl.flock(self._alone, fcntl.LOCK_EX)
        super().__init__(folder, effects)


if __name__ == "__main__":
    server.main(Jobs)
