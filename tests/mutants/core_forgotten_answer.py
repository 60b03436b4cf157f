"""What a core task was given is kept in memory: a later life asks for it again.

Must be caught by: task.input-forgotten.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.mutants import core_asks
from tests.mutants.forgotten_answer import Forgetful


class Tasks(Forgetful, core_asks.Tasks):
    """The answer is forgotten; all else is right."""


if __name__ == "__main__":
    core_asks.main(Tasks)
