"""Its client has gone, and it ends behind the batch that is under way: an honest neighbour of the one that works on.

Its successor may have gone on meanwhile: then that batch is not stored. Otherwise it is the server that does it right.
"""

import sys
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.stdio import server


class Jobs(server.Jobs):
    def go_on(self, job: str) -> None:
        threading.Thread(target=self.work, args=(job,)).start()  # no daemon: the batch under way is done


if __name__ == "__main__":
    server.main(Jobs)
