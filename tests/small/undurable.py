"""The server with tools for everything, without durability. It says so, or it does not.

At a start every unfinished job has failed, with a reason, and can neither be cancelled nor resumed. With FORGETS=1 it
is a mutant: what was there is not there any more. Must be caught by: task.vanished.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.mutants import operated

FAILED, REASON = "failed", "the server was restarted while this job was running; please start it again"
FORGETS = os.environ.get("FORGETS") == "1"


class Undurable(operated.Operated):
    def resume(self) -> None:
        for (job,) in self._ask("SELECT id FROM jobs"):
            if FORGETS:
                self._ask("DELETE FROM jobs WHERE id = ?", job)
            elif self.stands(job) in (operated.RUNNING, operated.PAUSED):
                self.halt(job, FAILED)

    def job_status(self, user: str, job_id: str) -> dict[str, Any]:
        said = super().job_status(user, job_id)
        return said | ({"error": REASON} if said["status"] == FAILED else {})


if __name__ == "__main__":
    operated.main(Undurable)
