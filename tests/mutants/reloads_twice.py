"""Upon SIGHUP it starts anew from its store, in the same process, and those who work on its jobs go on beside that.

Must be caught by: fencing.double-run.
"""

import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.mutants import steals
from tests.small import server


class Jobs(steals.Jobs):
    def resume(self) -> None:
        signal.signal(signal.SIGHUP, self.reload)
        super().resume()

    def reload(self, *_: object) -> None:
        self._under_way.clear()
        super().resume()


if __name__ == "__main__":
    server.main(Jobs)
