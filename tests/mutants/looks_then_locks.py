"""A server looks whether its store has a living owner, and writes its own name down a little later.

Of two that start one after the other the second refuses, as it should. Two that start at once both find nobody, and
both go on with what the last one has left. Must be caught by: fencing.double-run.
"""

import os
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.mutants import steals
from tests.small import server

LOOKING_S = 0.1


class Jobs(steals.Jobs):
    def __init__(self, folder: Path, effects: server.Effects) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        owner = folder / "owner"
        if owner.exists() and Path(f"/proc/{owner.read_text()}").exists():
            sys.exit(f"{folder} belongs to process {owner.read_text()}, which lives")
        time.sleep(LOOKING_S)  # it reads its configuration
        owner.write_text(str(os.getpid()))
        super().__init__(folder, effects)


if __name__ == "__main__":
    server.main(Jobs)
