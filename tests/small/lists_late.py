"""The server with tools for everything, whose list is read behind a restart; meanwhile there is none, and a hint."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.mutants import operated

READING_S = 0.5


class ListsLate(operated.Operated):
    """The jobs, and when their list is there."""

    def resume(self) -> None:
        known = self._ask("SELECT id FROM jobs")
        self._listed_at = time.monotonic() + (READING_S if known else 0)
        super().resume()

    def list_jobs(self, user: str, after: int = 0) -> dict[str, Any]:
        if time.monotonic() < self._listed_at:
            return {"jobs": None, "podpowiedź": "jeszcze chwila"}
        return super().list_jobs(user, after)


if __name__ == "__main__":
    operated.main(ListsLate)
