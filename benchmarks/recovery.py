"""How soon the first unfinished task goes on after a start: with ten thousand of them in the store, and with one.

``python -m benchmarks.recovery [--tasks 10000] [--rounds 7] [--json] [--quick]``

Each task has committed one batch, in a life that has left nothing else behind. An engine starts on a copy of that
store, and the time is taken up to its first commit of a batch: of all tasks' and of the one task's, in turns.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import statistics
import tempfile
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import Any

from benchmarks.engine import BODY, started, submission
from benchmarks.figures import Figure, Spread, at_most, common, tell
from reference_server.schema import connect, prepare
from reference_server.store import Store
from reference_server.task import Checkpoint

GOAL = at_most(1.5)
_BATCHES, _RECORDS = 1000, 10  # of each task: more than are done before it is looked at
_LONGEST_S = 60.0


def fill(path: Path, tasks: int) -> None:
    """Unfinished tasks, each with a committed batch, of a worker that is gone."""
    prepare(path)
    with closing(Store(path)) as store, store.transaction():
        for number in range(tasks):
            task_id = f"{number:032x}"
            store.submit(task_id, submission(number, _BATCHES, _RECORDS), most_unfinished=tasks + 1)
            task, _ = store.claim(task_id, "gone", ())
            store.commit_batch(task, [BODY] * _RECORDS, Checkpoint(_RECORDS, "d" * 64, "one batch"))


class FirstCommit(threading.Thread):
    """Looks, from a connection of its own, for the first batch beyond those that were there."""

    def __init__(self, path: Path, known: int) -> None:
        super().__init__(daemon=True)
        self.at: float | None = None
        self._path, self._known = path, known
        self._over = time.monotonic() + _LONGEST_S

    def run(self) -> None:
        """Until there is one, or nobody would wait any longer."""
        with closing(connect(self._path)) as db:
            while self.at is None and time.monotonic() < self._over:
                (newest,) = db.execute("SELECT max(rowid) FROM batches").fetchone()
                if newest > self._known:
                    self.at = time.perf_counter()
                time.sleep(0.0005)  # it would take the interpreter from whom it watches


async def first_commit_ms(filled: Path, tasks: int) -> float:
    """Milliseconds from an engine's start on a copy of this store to its first commit of a batch."""
    with tempfile.TemporaryDirectory(dir=filled.parent) as folder:
        path = Path(folder) / "tasks.db"
        shutil.copyfile(filled, path)
        watching = FirstCommit(path, tasks)
        watching.start()
        began = time.perf_counter()
        running = await started(path)
        await asyncio.to_thread(watching.join)
        await running.stop()
    assert watching.at is not None, f"nothing was committed within {_LONGEST_S:.0f} s"
    return 1000 * (watching.at - began)


def measure(folder: Path, tasks: int, rounds: int) -> dict[str, Any]:
    """Both, in turns."""
    many, one = folder / "many.db", folder / "one.db"
    fill(many, tasks)
    fill(one, 1)
    pairs = []
    for _ in range(rounds):
        pairs.append([asyncio.run(first_commit_ms(path, n)) for path, n in ((many, tasks), (one, 1))])
    return {"pairs_ms": pairs}


def figures(found: dict[str, Any], tasks: int) -> list[Figure]:
    """What of it stands in the table."""
    pairs = found["pairs_ms"]
    many_ms, one_ms = (statistics.median(side) for side in zip(*pairs, strict=True))
    why = (
        f"the {many_ms - one_ms:.0f} ms more are for reading the list of all {tasks:,} and entering each of them "
        f"before the first has its turn: {1000 * (many_ms - one_ms) / tasks:.1f} us a task"
    )
    name = f"from the start to the first resumed commit: {tasks:,} unfinished tasks against one"
    ratios = [many / one for many, one in pairs]
    return [Figure(name, Spread.of(ratios), goal=GOAL, reason=why, beside=f"{many_ms:.0f} ms and {one_ms:.0f} ms")]


def main() -> None:
    """Measure and print; what is to be reached stands in the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--tasks", type=int, default=10_000, help="unfinished ones (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=7, help="of both, in turns (default: %(default)s)")
    common(parser)
    options = parser.parse_args()
    tasks, rounds = (50, 2) if options.quick else (options.tasks, options.rounds)
    with tempfile.TemporaryDirectory(prefix="recovery-") as folder:
        found = measure(Path(folder), tasks, rounds)
    tell(found, figures(found, tasks), as_json=options.json)


if __name__ == "__main__":
    main()
