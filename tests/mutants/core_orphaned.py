"""After a restart a core task says "working" for ever: its row survived, the work did not.

Must be caught by: task.orphaned.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.mutants import core_tasks


class Tasks(core_tasks.Tasks):
    def resume(self) -> None:
        """Nobody goes on."""


if __name__ == "__main__":
    core_tasks.main(Tasks)
