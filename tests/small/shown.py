"""The small server with a job that is one call and tells nothing meanwhile, but shows its records to whoever asks.

``--keeps`` is how it keeps them: ``store`` (a batch is committed at once, and shown), ``memory`` (shown, and gone with
the process: each life begins anew, and ends right), ``end`` (stored at once, and shown when all are there).
"""

from __future__ import annotations

import json
import sqlite3
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.small import server, silent

TOOLS = ("work", "rows")
_flag = sys.argv.index("--keeps")
KEEPS = sys.argv[_flag + 1]
del sys.argv[_flag : _flag + 2]


class Jobs(silent.Jobs):
    def resume(self) -> None:
        if KEEPS == "memory":
            self._db.close()
            self._db = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
            self._db.executescript(self.tables)

    def rows(self, key: str) -> list[dict[str, int]]:
        """What is there of a job, or what is to be seen of it."""
        for job, total, done in self._ask("SELECT id, total, done FROM jobs WHERE key = ?", key):
            return self.records(job) if KEEPS != "end" or done == total else []
        return []


class Handler(server.Handler):
    jobs: Jobs

    def _answer(self, method: str, params: dict[str, Any], begun: list[str]) -> dict[str, Any]:
        if method == "tools/list":
            return {"tools": [{"name": name, "inputSchema": {"type": "object"}} for name in TOOLS]}
        if method != "tools/call":
            return super()._answer(method, params, begun)
        said = getattr(self.jobs, params["name"])(**params["arguments"])
        return {"content": [{"type": "text", "text": json.dumps(said)}]}


if __name__ == "__main__":
    server.main(Jobs, Handler)
