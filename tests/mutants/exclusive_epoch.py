"""The first life with something to recover leaves a file that the next one cannot make again.

Otherwise it is the small server.

Must be caught by: recovery.loop, for two kills in a row; nothing happens at a single one.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.small import server


class Jobs(server.Jobs):
    def resume(self) -> None:
        if self._ask("SELECT 1 FROM jobs WHERE done < total"):
            (self._folder / "recovering").touch(exist_ok=False)
        super().resume()


if __name__ == "__main__":
    server.main(Jobs)
