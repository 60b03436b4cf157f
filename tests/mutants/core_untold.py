"""The server with core tasks, which does not declare them: nothing is wrong with it, and it does not offer them."""

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.mutants import core_tasks
from tests.small import server


class Handler(core_tasks.Handler):
    def _answer(self, method: str, params: dict[str, Any], begun: list[str]) -> dict[str, Any]:
        said = super()._answer(method, params, begun)
        return {**said, "capabilities": {"tools": {}}} if method == "initialize" else said


if __name__ == "__main__":
    server.main(core_tasks.Tasks, Handler)
