"""SQLite as Python opens it: a rollback journal, and FULL, which does not sync the folder behind a commit.

So the last commit may be rolled back when the power fails. Must be caught by: effects.rework, for a power cut.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.small import server


class Jobs(server.Jobs):
    tables = f"PRAGMA journal_mode = DELETE; {server.TABLES}"


if __name__ == "__main__":
    server.main(Jobs)
