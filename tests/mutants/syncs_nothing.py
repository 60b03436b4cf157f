"""A job's file is written anew and moved to its place, as it should be, and nothing is ever synced.

No kill shows that: what was written stays with the kernel. Must be caught by: task.vanished, for a power cut.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.small import on_files, server


class Jobs(on_files.Jobs):
    def sync(self, descriptor: int) -> None:
        """It will be written some day."""

    def sync_names(self) -> None:
        """So will they."""


if __name__ == "__main__":
    server.main(Jobs)
