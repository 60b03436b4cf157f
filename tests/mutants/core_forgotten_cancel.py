"""A cancel of a core task is kept in memory: after a restart the task works on.

Must be caught by: task.cancel-forgotten.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.mutants import core_tasks
from tests.mutants.forgotten_cancel import Forgetful


class Tasks(Forgetful, core_tasks.Tasks):
    """The cancel is forgotten; all else is right."""


if __name__ == "__main__":
    core_tasks.main(Tasks)
