"""A job that ends its server is found under way at every start, and is begun anew, and ends the server.

Must be caught by: recovery.loop.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.small import poisonous


class Jobs(poisonous.Jobs):
    most_starts = 1_000_000


if __name__ == "__main__":
    poisonous.main(Jobs)
