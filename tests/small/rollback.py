"""The small server with SQLite's rollback journal, and a commit that waits for the disk: EXTRA, no default.

Behind a commit the journal is removed, and with EXTRA its folder is synced. What FULL leaves out a mutant shows.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.small import server


class Jobs(server.Jobs):
    tables = f"PRAGMA journal_mode = DELETE; PRAGMA synchronous = EXTRA; {server.TABLES}"


if __name__ == "__main__":
    server.main(Jobs)
