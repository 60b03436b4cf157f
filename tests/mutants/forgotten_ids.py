"""The ids that a start tool has given out live in a dictionary: after a restart the status tool knows none of them.

Otherwise it is the small server, whose job is asked about with a tool.

Must be caught by: task.vanished.
"""

import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.small import server

jobs_by_id: dict[str, str] = {}


class Handler(server.Handler):
    def _answer(self, method: str, params: dict[str, Any], begun: list[str]) -> dict[str, Any]:
        if method != "tools/call":
            return super()._answer(method, params, begun)
        if params["name"] == server.TOOL["name"]:
            begun.append(job := self.jobs.submit(**params["arguments"]))
            jobs_by_id[f"job-{job}"] = job
            return said(f"job-{job}")
        found = jobs_by_id.get(asked := params["arguments"]["job_id"])
        if found is None:
            return said(json.dumps({"error": f"there is no job {asked}"}))
        return said(json.dumps(self.jobs.status(found) | {"records": self.jobs.records(found)}))


def said(text: str) -> dict[str, Any]:
    return {"content": [{"type": "text", "text": text}]}


if __name__ == "__main__":
    server.main(handler=Handler)
