"""The server that does all operations right, with users: a job is for him alone who has started it (``x-user``)."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.mutants import operated


class Owned(operated.Operated):
    """The key of a job begins with its owner's name."""

    def start_job(self, user: str, total: int, batch: int, client_id: str) -> dict[str, Any]:
        return super().start_job(user, total, batch, f"{user}/{client_id}")

    def is_mine(self, job: str, user: str) -> bool:
        return [str(key).split("/")[0] for (key,) in self._ask("SELECT key FROM jobs WHERE id = ?", job)] == [user]


if __name__ == "__main__":
    operated.main(Owned)
