"""The small server once more, that reads its settings again upon SIGHUP and tells where it stands upon SIGQUIT.

It goes on with its jobs upon both. Upon SIGINT it winds down, and takes its time.
"""

import os
import signal
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.small import server

WINDING_DOWN_S = 0.1


class Jobs(server.Jobs):
    """The jobs, over signals."""

    def resume(self) -> None:
        signal.signal(signal.SIGHUP, lambda *_: print("settings read again", flush=True))
        signal.signal(signal.SIGQUIT, lambda *_: print(f"at work on {len(self._under_way)} jobs", flush=True))
        signal.signal(signal.SIGINT, self.wind_down)
        super().resume()

    def wind_down(self, *_: object) -> None:
        time.sleep(WINDING_DOWN_S)
        os._exit(0)


if __name__ == "__main__":
    server.main(Jobs)
