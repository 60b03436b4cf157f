"""Its jobs are in memory: whoever starts it again on his pipes finds none.

Must be caught by: task.vanished.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.stdio import memory_only, server

if __name__ == "__main__":
    server.main(memory_only.Jobs)
