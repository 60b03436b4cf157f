"""The small server once more, with a job that is one call: it tells how far it is, and its answer is the output.

As it stands here it does it right: the records of a batch and the cursor are one transaction, a call that finds another
at work waits for its turn, and one whose client has gone ends behind its batch. Mutants change one thing.
"""

from __future__ import annotations

import json
import select
import socket
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.small import server

Tell = Callable[[int], bool]


class Jobs(server.Jobs):
    """The jobs, done by those who call. Nothing goes on by itself."""

    def resume(self) -> None:
        self.callers: Counter[str] = Counter()
        self._turns: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)

    def call(self, job: str, tell: Tell) -> dict[str, Any] | None:
        """Do what is left, and give the output; None where the caller has gone."""
        self.callers[job] += 1
        try:
            with self._turns[job]:
                return self._call(job, tell)
        finally:
            self.callers[job] -= 1

    def _call(self, job: str, tell: Tell) -> dict[str, Any] | None:
        [(total, batch, pause_s, done)] = self._ask("SELECT total, batch, pause_s, done FROM jobs WHERE id = ?", job)
        for first in range(done, total, batch):
            time.sleep(pause_s)  # the work
            numbers = range(first, min(first + batch, total))
            self._do_batch(job, numbers, first // batch + 1)
            if not tell(numbers.stop):
                self.left(job, numbers)
                return None
        return {"status": "completed", "count": total, "records": self.records(job)}

    def left(self, job: str, numbers: range) -> None:
        """The client has gone. What is done is in the store: whoever calls next goes on behind it."""


class Handler(server.Handler):
    """One connection; a call is answered with a stream of events."""

    jobs: Jobs

    def respond(self, request: dict[str, Any]) -> None:
        if request["method"] != "tools/call":
            super().respond(request)
            return
        arguments, meta = request["params"]["arguments"], request["params"].get("_meta", {})
        job = self.jobs.submit(**arguments)
        self.close_connection = True
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("connection", "close")
        self.end_headers()

        def tell(done: int) -> bool:
            told = {"progressToken": meta["progressToken"], "progress": done, "total": arguments["total"]}
            return self._say({"method": "notifications/progress", "params": told})

        output = self.jobs.call(job, tell)
        self._say({"id": request["id"], "result": {"content": [{"type": "text", "text": json.dumps(output)}]}})

    def _say(self, message: dict[str, Any]) -> bool:
        """Whether there is still somebody who hears it."""
        try:
            readable, _, _ = select.select([self.connection], [], [], 0)
            if readable and not self.connection.recv(1, socket.MSG_PEEK):
                return False
            self.wfile.write(f"data: {json.dumps({'jsonrpc': '2.0', **message})}\n\n".encode())
            self.wfile.flush()
        except OSError:
            return False
        return True


if __name__ == "__main__":
    server.main(Jobs, Handler)
