"""SQLite in WAL mode with ``PRAGMA synchronous = OFF``: no commit waits for the disk. Otherwise it is the small server.

Must be caught by: task.vanished, for a power cut.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.small import server


class Jobs(server.Jobs):
    tables = f"PRAGMA synchronous = OFF; {server.TABLES}"


if __name__ == "__main__":
    server.main(Jobs)
