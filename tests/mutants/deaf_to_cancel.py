"""A cancel is acknowledged and stored beside the task, and the worker looks at the row that it has read at its start.

Must be caught by: task.cancel-forgotten.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.mutants.common import let_answer_leave
from tests.mutants.operated import RUNNING, Operated


class Deaf(Operated):
    async def work(self, task_id: str) -> None:
        """Do all batches, whatever comes in between."""
        task = self.store.task(task_id)
        await let_answer_leave()
        if task is None or task["status"] != RUNNING:
            return
        for first in range(task["progress"], task["total"], task["batch"]):
            await self.store.do_batch(task, first)


if __name__ == "__main__":
    Deaf("deaf to a cancel").serve()
