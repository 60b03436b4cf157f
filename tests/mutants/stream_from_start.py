"""A client that comes back is told the whole stream once more, whatever it names.

Must be caught by: stream.duplicated.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.mutants import streamed


class Handler(streamed.Handler):
    def do_GET(self) -> None:
        known = self.jobs.stream_of(str(self.headers.get("mcp-session-id")), int(self.headers["last-event-id"]))
        if known is None:
            super().do_GET()
        else:
            self._stream(known, 0)


if __name__ == "__main__":
    streamed.main(streamed.Streams, Handler)
