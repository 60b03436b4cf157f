"""The small server with a store of plain files, done right: a job is one JSON file, replaced as a whole each batch.

The new file is written and synced, moved over the old one, and the folder is synced; then the batch is done. Mutants
leave out one of these.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.small import server


class Jobs(server.Jobs):
    """The jobs by their ids, each as it stands in its file."""

    def __init__(self, folder: Path, effects: server.Effects) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._effects = effects
        self._lock = threading.Lock()
        self._under_way: set[str] = set()
        self._jobs = {path.stem: json.loads(path.read_text()) for path in folder.glob("*.json")}
        self.resume()

    def resume(self) -> None:
        for job in self._jobs:
            self.go_on(job)

    def submit(self, key: str, total: int, batch: int, pause_s: float = 0.03) -> str:
        with self._lock:
            job = hashlib.sha256(key.encode()).hexdigest()[:32]
            if job not in self._jobs:
                self.put(job, {"total": total, "batch": batch, "pause_s": pause_s, "done": 0, "records": []})
            return job

    def put(self, job: str, document: dict[str, Any]) -> None:
        """Keep a job, whatever happens from now on."""
        new = self._folder / f"{job}.new"
        with new.open("wb", buffering=0) as file:
            file.write(json.dumps(document).encode())
            self.sync(file.fileno())
        new.replace(self._folder / f"{job}.json")
        self.sync_names()
        self._jobs[job] = document

    def sync(self, descriptor: int) -> None:
        os.fsync(descriptor)

    def sync_names(self) -> None:
        descriptor = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def status(self, job: str) -> dict[str, Any]:
        found = self._found(job)
        total, done = found["total"], found["done"]
        document = {"id": job, "status": "running", "progress": done, "total": total}
        return document | {"status": "completed", "result": self._result(job)} if done == total else document

    def records(self, job: str) -> list[dict[str, int]]:
        return [{"n": n, "square": n * n} for n in self._found(job)["records"]]

    def _found(self, job: str) -> dict[str, Any]:
        if job not in self._jobs:
            raise ValueError(f"there is no job {job}")
        document: dict[str, Any] = self._jobs[job]
        return document

    def _work(self, job: str) -> None:
        while (found := self._jobs[job])["done"] < found["total"]:
            numbers = range(found["done"], min(found["done"] + found["batch"], found["total"]))
            self._effects.append(job, numbers)
            self.put(job, {**found, "done": numbers.stop, "records": [*found["records"], *numbers]})
            time.sleep(found["pause_s"])  # the work


if __name__ == "__main__":
    server.main(Jobs)
