"""The small server with its jobs in a store that is a service of its own, at the URL in STORE.

A batch's records and its cursor are one write. While the store is away a job waits, and whoever asks is told so. With
ON_OUTAGE=exit it ends instead, and relies on being started again. With ACKNOWLEDGES=early it is a mutant: it sends a
batch, reads no answer, and goes on; what the store had not heard is lost. Must be caught by: records.lost. With
TRIES=anew it is another one: a batch whose answer did not come is taken for not written, and each try writes rows of
its own. Must be caught by: records.duplicated, where the link to the store fails. With WRITES=in-steps a batch is a
transaction of several round trips. Before the last of them nothing is written, so that of TRIES=anew only an answer to
that one that does not come shows anything.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import threading
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.services.stores import Broker, InSteps, store_at
from tests.small import server

PAUSE_S = 0.03
EARLY = os.environ.get("ACKNOWLEDGES") == "early"
ANEW = os.environ.get("TRIES") == "anew"
IN_STEPS = os.environ.get("WRITES") == "in-steps"
EXITS = os.environ.get("ON_OUTAGE") == "exit"


class Early(Broker):
    """A store whose answer to a write nobody waits for: it is read with the next answer that somebody wants."""

    def put(self, pairs: dict[str, str]) -> None:
        with contextlib.suppress(OSError):
            self._line.send(json.dumps({"put": pairs}).encode() + b"\n")

    def get(self, prefix: str) -> dict[str, str]:
        self._line.send(json.dumps({"get": prefix}).encode() + b"\n")
        while not isinstance(found := json.loads(self._line.read()), dict):
            pass
        return found


class Jobs(server.Jobs):
    """The jobs, in the store alone; ``done`` is what this life knows of those that it works on."""

    def __init__(self, _folder: Path, effects: server.Effects) -> None:
        url = os.environ["STORE"]
        self._store = Early(url) if EARLY else store_at(url)
        self._writes = (
            self._store if EARLY else InSteps(url) if IN_STEPS else store_at(url)
        )  # over a connection of its own: no question waits for it
        self._effects = effects
        self._lock = threading.Lock()
        self._writing = self._lock if EARLY else threading.Lock()
        self._under_way: set[str] = set()
        self._waiting(self.resume)

    def resume(self) -> None:
        for key, value in self._get("job:").items():
            if json.loads(value)["done"] < json.loads(value)["total"]:
                self.go_on(key.removeprefix("job:"))

    def _get(self, prefix: str) -> dict[str, str]:
        with self._lock:
            return self._store.get(prefix)

    def _put(self, pairs: dict[str, Any]) -> None:
        with self._writing:
            self._writes.put({key: json.dumps(value) for key, value in pairs.items()})

    def _waiting(self, do: Any, *given: Any) -> Any:
        """Do something, as soon as the store is there."""
        while True:
            try:
                return do(*given)
            except OSError:
                if EXITS:
                    os._exit(3)
                time.sleep(PAUSE_S)

    def submit(self, key: str, total: int, batch: int, pause_s: float = PAUSE_S) -> str:
        if known := self._get(f"key:{key}"):
            return str(json.loads(next(iter(known.values()))))
        job = uuid4().hex
        order = {"total": total, "batch": batch, "pause_s": pause_s, "done": 0}
        self._put({f"job:{job}": order, f"key:{key}": job})
        return job

    def _job(self, job: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self._get(f"job:{job}")[f"job:{job}"])
        return found

    def status(self, job: str) -> dict[str, Any]:
        order = self._job(job)
        document = {"id": job, "status": "running", "progress": order["done"], "total": order["total"]}
        if order["done"] < order["total"]:
            return document
        return document | {"status": "completed", "result": {"count": len(self.records(job))}}

    def records(self, job: str) -> list[dict[str, int]]:
        rows = (json.loads(value) for _, value in sorted(self._get(f"row:{job}:").items()))
        return [{"n": n, "square": square} for n, square in rows]

    def _write(self, job: str, order: dict[str, Any], numbers: range) -> None:
        own = f":{uuid4().hex}" if ANEW else ""
        rows = {f"row:{job}:{n:08}{own}": [n, n * n] for n in numbers}
        self._put({**rows, f"job:{job}": {**order, "done": numbers.stop}})

    def _work(self, job: str) -> None:
        order = self._waiting(self._job, job)
        for first in range(order["done"], order["total"], order["batch"]):
            numbers = range(first, min(first + order["batch"], order["total"]))
            self._effects.append(job, numbers)
            self._waiting(self._write, job, order, numbers)
            time.sleep(order["pause_s"])  # the work
        while EARLY and self._waiting(self._job, job)["done"] < order["total"]:
            self._put({f"job:{job}": {**order, "done": order["total"]}})


class Handler(server.Handler):
    """Who asks while the store is away is told so."""

    def _answer(self, method: str, params: dict[str, Any], begun: list[str]) -> dict[str, Any]:
        try:
            return super()._answer(method, params, begun)
        except OSError as error:
            raise ValueError(f"the store is away: {error}") from error


if __name__ == "__main__":
    server.main(Jobs, Handler)
