"""A second server on the store ends without a word, with exit code 0: whoever started it believes that all is well.

Must be caught by: error.honest.
"""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.small import locked, server


class Jobs(locked.Jobs):
    def __init__(self, folder: Path, effects: server.Effects) -> None:
        try:
            super().__init__(folder, effects)
        except SystemExit:
            os._exit(0)


if __name__ == "__main__":
    server.main(Jobs)
