"""A job's file is synced and moved to its place, and the folder is not synced: what is moved may not have been.

Must be caught by: task.vanished, for a power cut.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.small import on_files, server


class Jobs(on_files.Jobs):
    def sync_names(self) -> None:
        """The file is synced; what more could there be?"""


if __name__ == "__main__":
    server.main(Jobs)
