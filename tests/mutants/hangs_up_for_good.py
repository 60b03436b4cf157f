"""Upon SIGHUP it marks its store as closed and ends, and no later life opens a store that is closed.

Must be caught by: recovery.loop.
"""

import os
import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.small import server


class Jobs(server.Jobs):
    def __init__(self, folder: Path, effects: server.Effects) -> None:
        closed = folder / "closed"
        if closed.exists():
            sys.exit(f"{folder} was closed")

        def hang_up(*_: object) -> None:
            closed.touch()
            os._exit(0)

        signal.signal(signal.SIGHUP, hang_up)
        super().__init__(folder, effects)


if __name__ == "__main__":
    server.main(Jobs)
