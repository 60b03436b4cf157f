"""Upon SIGINT it throws away the jobs that are not done: whoever presses Ctrl-C wants them no more, it believes.

Must be caught by: task.vanished.
"""

import os
import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.small import server


class Jobs(server.Jobs):
    def resume(self) -> None:
        signal.signal(signal.SIGINT, self.clean_up)
        super().resume()

    def clean_up(self, *_: object) -> None:
        self._db.execute("DELETE FROM jobs WHERE done < total")
        os._exit(0)


if __name__ == "__main__":
    server.main(Jobs)
