"""The small server as most are found: at the port that it likes, and with its store where it likes.

That is the folder STORE, or one in the user's home. It knows one job, whoever asks for it: what an earlier run has left
is taken for this one's.
"""

import os
import signal
import sys
from http.server import ThreadingHTTPServer
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.small import server


class Jobs(server.Jobs):
    def submit(self, key: str, total: int, batch: int, pause_s: float = 0.03) -> str:
        return super().submit("the only one", total, batch, pause_s)


class Server(ThreadingHTTPServer):
    daemon_threads = True


if __name__ == "__main__":
    folder = Path(os.environ.get("STORE") or Path.home() / ".homeless")
    folder.mkdir(exist_ok=True)
    server.Handler.jobs = Jobs(folder, server.Effects(folder / "effects"))
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    Server(("127.0.0.1", int(sys.argv[1])), server.Handler).serve_forever()
