"""A pause writes a status that the next batch overwrites. Taken from the first seed system.

Must be caught by: task.cancel-forgotten.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.mutants.common import let_answer_leave
from tests.mutants.operated import CANCELLED, CANCELLING, PAUSED, RUNNING, Operated


class Overwriting(Operated):
    async def work(self, task_id: str) -> None:
        """Do batch after batch; only a cancel is looked for."""
        self.working.add(task_id)
        await let_answer_leave()
        while (task := self.store.task(task_id)) and task["status"] in (RUNNING, PAUSED):
            await self.store.do_batch(task, task["progress"])
        if self.status(task_id) == CANCELLING:
            self.halt(task_id, CANCELLED)
        self.working.discard(task_id)


if __name__ == "__main__":
    Overwriting("pause overwritten").serve()
