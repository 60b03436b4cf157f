"""A client that comes back is told what comes from then on: what was stored meanwhile is left out.

Must be caught by: stream.lost.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.mutants import streamed


class Handler(streamed.Handler):
    def do_GET(self) -> None:
        known = self.jobs.stream_of(str(self.headers.get("mcp-session-id")), int(self.headers["last-event-id"]))
        if known is None or self.jobs.last_of(known) is not None:
            super().do_GET()
        else:
            self._stream(known, self.jobs.behind(known, 0)[-1][0])


if __name__ == "__main__":
    streamed.main(streamed.Streams, Handler)
