"""The server with tools, whose jobs ask for something once they are half done: they wait until they are given it.

As it stands here it does it right: where a job waits is its place in the store, and so is the answer. Mutants keep one
of the two in memory.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.mutants import operated

ASKS = "input_required"


class Asks(operated.Operated):
    """``answered`` and ``give`` are what mutants get wrong, and ``waits``."""

    tables = operated.Operated.tables + "CREATE TABLE IF NOT EXISTS answers (job TEXT PRIMARY KEY, answer TEXT);"
    tools = (*operated.Operated.tools, "answer_job")

    def stands(self, job: str) -> str:
        status = super().stands(job)
        return ASKS if status == operated.RUNNING and self.waits(job) else status

    def waits(self, job: str) -> bool:
        """Whether it is half done, and has no answer."""
        return self.is_half_done(job) and not self.answered(job)

    def is_half_done(self, job: str) -> bool:
        [(total, batch, done)] = self._ask("SELECT total, batch, done FROM jobs WHERE id = ?", job)
        return bool(done >= total // batch // 2 * batch)

    def answered(self, job: str) -> bool:
        """Whether it was given what it asks for."""
        return bool(self._ask("SELECT 1 FROM answers WHERE job = ?", job))

    def give(self, job: str, answer: str) -> None:
        """Keep the answer; stored before this returns."""
        self._ask("INSERT OR REPLACE INTO answers VALUES (?, ?)", job, answer)

    def answer_job(self, user: str, job_id: str, answer: str) -> dict[str, Any]:
        """Give a job what it asks for, and let it go on."""
        self.check(job_id, user)
        with self._deciding:
            if self.stands(job_id) != ASKS:
                return {"accepted": False, "message": "it asks for nothing"}
            self.give(job_id, answer)
            self.go_on(job_id)
        return {"accepted": True}


if __name__ == "__main__":
    operated.main(Asks)
