"""The server's outside effect: one line for each execution of a record, in a file that is not the store.

A crash test reads there what was done twice. A batch's lines are appended by one write.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path

from reference_server.folders import make_folder


class Effects:
    """Appends executions; does nothing without a file."""

    def __init__(self, path: Path | None) -> None:
        self._descriptor: int | None = None
        if path is not None:
            make_folder(path.parent)
            self._descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def append(self, task_id: str, records: Iterable[str], attempt: int) -> None:
        """These records of this task are being executed, in this attempt."""
        if self._descriptor is not None:
            lines = [json.dumps({"task": task_id, "record": name, "attempt": attempt}) + "\n" for name in records]
            os.write(self._descriptor, "".join(lines).encode())
