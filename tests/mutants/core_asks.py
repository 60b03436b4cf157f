"""Core tasks that ask for something once they are half done (input_required), and are given it by a tool.

As it stands here it does it right: where a task waits is its place in the store, and so is the answer.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.mutants import asks, core_tasks
from tests.small import server


class Tasks(asks.Asks, core_tasks.Tasks):
    """The tasks, which ask."""

    tables = core_tasks.Tasks.tables + asks.Asks.tables


class Handler(core_tasks.Handler):
    """One connection; beside the tool that is made a task there is the one that answers."""

    jobs: Tasks

    def _ask(self, method: str, params: dict[str, Any], begun: list[str]) -> dict[str, Any]:
        if method == "tools/call" and params["name"] == "answer_job":
            said = self.jobs.answer_job("", **params["arguments"])
            return {"content": [{"type": "text", "text": json.dumps(said)}]}
        return super()._ask(method, params, begun)


def main(jobs: type[Tasks] = Tasks) -> None:
    """Serve until SIGTERM."""
    server.main(jobs, Handler)


if __name__ == "__main__":
    main()
