"""The server with streams, of one older revision: whatever it is asked for, it answers with that, and nothing is wrong.

``python stream_older.py REVISION ...``
"""

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.mutants import streamed

REVISION = sys.argv.pop(1)


class Handler(streamed.Handler):
    def _hello(self, params: dict[str, Any]) -> dict[str, Any]:
        return {**super()._hello(params), "protocolVersion": REVISION}


if __name__ == "__main__":
    streamed.main(handler=Handler)
