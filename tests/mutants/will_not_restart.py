"""A server that was killed refuses to start again: its pid file is still there.

The classic guard against two servers on one store. An orderly stop removes the file, SIGKILL does not, and nobody
asks whether the process that it names is alive. Otherwise it is the small server.

Must be caught by: recovery.loop.
"""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.small import server


class Jobs(server.Jobs):
    def resume(self) -> None:
        self._pid_file = self._folder / "server.pid"
        try:
            with self._pid_file.open("x") as created:
                created.write(str(os.getpid()))
        except FileExistsError:
            sys.exit(f"{self._pid_file} exists: another server is running on this store")
        super().resume()

    def stop(self) -> None:
        self._pid_file.unlink()


if __name__ == "__main__":
    server.main(Jobs)
