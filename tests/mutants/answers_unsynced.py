"""A job is written, answered, and synced with its first batch: otherwise it is the small server on plain files.

Must be caught by: task.vanished, for a power cut between the answer and that sync.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.small import on_files, server


class Jobs(on_files.Jobs):
    def put(self, job: str, document: dict[str, Any]) -> None:
        self._new = job not in self._jobs
        super().put(job, document)

    def sync(self, descriptor: int) -> None:
        if not self._new:
            super().sync(descriptor)

    def sync_names(self) -> None:
        if not self._new:
            super().sync_names()


if __name__ == "__main__":
    server.main(Jobs)
