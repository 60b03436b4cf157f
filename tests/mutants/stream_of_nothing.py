"""The server whose call is answered with JSON: nothing is wrong with it, and it has no streams to join."""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.mutants import streamed


class Handler(streamed.Handler):
    def _stream(self, stream: int, event: int) -> None:
        *_, (_, last) = self.jobs.following(stream, event)
        answer = json.loads(last)
        self._said({"id": answer["id"]}, answer["result"], {})


if __name__ == "__main__":
    streamed.main(handler=Handler)
