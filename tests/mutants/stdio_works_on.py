"""Its host has gone, and it works on to the end of its jobs, while its successor goes on with them too.

Must be caught by: records.duplicated.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.stdio import server, works_on


class Jobs(works_on.Jobs):
    PAUSE_S = 0.15  # so that the next process is there before it has done all


if __name__ == "__main__":
    server.main(Jobs)
