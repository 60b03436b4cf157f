"""A client that comes back is told whatever its session has, behind the event that it names.

Must be caught by: stream.foreign.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.mutants import streamed


class Streams(streamed.Streams):
    session = ""

    def behind(self, stream: int, event: int) -> list[streamed.Event]:
        if not self.session or not event:
            return super().behind(stream, event)
        all_of_it = "SELECT id, data FROM events WHERE session = ? AND id > ? ORDER BY id"
        return self._ask(all_of_it, self.session, event)


class Handler(streamed.Handler):
    jobs: Streams

    def do_GET(self) -> None:
        self.jobs.session = str(self.headers.get("mcp-session-id"))
        super().do_GET()


if __name__ == "__main__":
    streamed.main(Streams, Handler)
