"""Sessions and events are forgotten at a restart, and are said to be durable.

Must be caught by: stream.lost.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.mutants import streamed


class Streams(streamed.Streams):
    def resume(self) -> None:
        for table in ("sessions", "streams", "events"):
            self._ask(f"DELETE FROM {table}")
        super().resume()


if __name__ == "__main__":
    streamed.main(Streams)
