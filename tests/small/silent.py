"""The small server with a job that is one call and tells nothing meanwhile: a tool says how far it is, in batches.

Its ledger has names of its own. ``python silent.py rows DATABASE KEY`` shows a job's records, a line of JSON each.
"""

from __future__ import annotations

import json
import sqlite3
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.small import server

TOOLS = ("work", "how_far")


class Effects(server.Effects):
    """The same, told in other words."""

    def __init__(self, path: Path) -> None:
        path.touch()
        self._file = path.open("ab", buffering=0)

    def append(self, job: str, records: Sequence[object]) -> None:
        self._file.write("".join(json.dumps({"job": job, "what": {"key": n}}) + "\n" for n in records).encode())


class Jobs(server.Jobs):
    """The jobs, done by whoever calls; another call for the same waits for its turn."""

    def __init__(self, folder: Path, effects: server.Effects) -> None:
        self._turns: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        super().__init__(folder, effects)

    def resume(self) -> None:
        """Nothing goes on by itself."""

    def work(self, key: str, total: int, batch: int) -> dict[str, Any]:
        """Do what is left, and give the count."""
        job = self.submit(key, total, batch)
        with self._turns[job]:
            [(done,)] = self._ask("SELECT done FROM jobs WHERE id = ?", job)
            for first in range(done, total, batch):
                time.sleep(0.02)  # the work
                self._do_batch(job, range(first, min(first + batch, total)), first // batch + 1)
        return {"status": "completed", "count": total, "key": key}

    def how_far(self, key: str) -> dict[str, Any]:
        """How many batches are done."""
        for done, batch in self._ask("SELECT done, batch FROM jobs WHERE key = ?", key):
            return {"state": {"batches": -(-done // batch)}}
        raise ValueError(f"nobody knows {key}")


class Handler(server.Handler):
    """One connection."""

    jobs: Jobs

    def _answer(self, method: str, params: dict[str, Any], begun: list[str]) -> dict[str, Any]:
        if method == "tools/list":
            return {"tools": [{"name": name, "inputSchema": {"type": "object"}} for name in TOOLS]}
        if method != "tools/call":
            return super()._answer(method, params, begun)
        said = getattr(self.jobs, params["name"])(**params["arguments"])
        return {"content": [{"type": "text", "text": json.dumps(said)}]}


def show(database: str, key: str) -> None:
    """The records of one job."""
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as db:
        found = db.execute("SELECT n, square FROM records, jobs WHERE job = id AND key = ? ORDER BY n", (key,))
        for n, square in found:
            print(json.dumps({"n": n, "square": square}))


if __name__ == "__main__":
    if sys.argv[1] == "rows":
        show(*sys.argv[2:])
    else:
        server.Effects = Effects  # type: ignore[misc]
        server.main(Jobs, Handler)
