"""Each batch is a line at the end of a log, which is synced; a line that is torn keeps it from ever starting again.

Must be caught by: recovery.loop, for a power cut that tears the last line.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.small import on_files, server

_NOTE = "made as it should be, of what was given, and to be kept for as long as anybody may ask for it; " * 2


class Jobs(on_files.Jobs):
    def resume(self) -> None:
        log = self._folder / "log"
        for line in log.read_bytes().splitlines() if log.exists() else ():
            change = json.loads(line)
            before = self._jobs.get(change["job"], {"records": []})
            records = [*before["records"], *(record["n"] for record in change.pop("made"))]
            self._jobs[change.pop("job")] = {**before, **change, "records": records}
        super().resume()

    def put(self, job: str, document: dict[str, Any]) -> None:
        known = len(self._jobs.get(job, {"records": []})["records"])
        made = [{"n": n, "note": _NOTE} for n in document["records"][known:]]
        said = {name: value for name, value in document.items() if name != "records"}
        is_new = not (self._folder / "log").exists()
        with (self._folder / "log").open("ab", buffering=0) as log:
            log.write(json.dumps({"job": job, **said, "made": made}).encode() + b"\n")
            os.fsync(log.fileno())
        if is_new:
            self.sync_names()
        self._jobs[job] = document


if __name__ == "__main__":
    server.main(Jobs)
