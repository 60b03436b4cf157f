"""After a restart the task says "running" for ever: its row survived, the work did not.

The second seed system: tasks are rows in SQLite, the work is an asyncio task in memory, and nothing looks at the rows
when the server starts.

Otherwise it is the small server.

Must be caught by: task.orphaned.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.small import server


class Jobs(server.Jobs):
    def resume(self) -> None:
        """There is nobody who goes on."""


if __name__ == "__main__":
    server.main(Jobs)
