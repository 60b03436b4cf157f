"""The server with tools for everything, which reads its book behind a restart: each answer is a hint until then."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.mutants import operated

READING_S = 0.4
HINT = {"jobs": None, "status": None, "podpowiedź": "jeszcze chwila"}


class SaysWait(operated.Operated):
    """The jobs, and when they were read."""

    def resume(self) -> None:
        known = self._ask("SELECT id FROM jobs")
        self._read_at = time.monotonic() + (READING_S if known else 0)
        super().resume()

    def is_reading(self) -> bool:
        return time.monotonic() < self._read_at

    def list_jobs(self, user: str, after: int = 0) -> dict[str, Any]:
        return HINT if self.is_reading() else super().list_jobs(user, after)

    def job_status(self, user: str, job_id: str) -> dict[str, Any]:
        return HINT if self.is_reading() else super().job_status(user, job_id)

    def cancel_job(self, user: str, job_id: str) -> Any:
        return HINT if self.is_reading() else super().cancel_job(user, job_id)

    def pause_job(self, user: str, job_id: str) -> dict[str, Any]:
        return HINT if self.is_reading() else super().pause_job(user, job_id)

    def resume_job(self, user: str, job_id: str) -> dict[str, Any]:
        return HINT if self.is_reading() else super().resume_job(user, job_id)


if __name__ == "__main__":
    operated.main(SaysWait)
