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
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from benchmarks.engine import BODY, started, submission
from benchmarks.figures import Figure, Spread, at_most, common, tell
from reference_server.schema import connect, prepare
from reference_server.store import Store
from reference_server.task import Checkpoint

GOAL = at_most(1.5)
_BATCHES, _RECORDS = 1000, 10  # of each task: more than are done before it is looked at
_LONGEST_S = 60.0
GONE = "gone"


def fill(path: Path, tasks: int) -> None:
    """Unfinished tasks, each with a committed batch, of a worker that is gone."""
    prepare(path)
    with closing(Store(path)) as store, store.transaction():
        for number in range(tasks):
            task_id = f"{number:032x}"
            store.submit(task_id, submission(number, _BATCHES, _RECORDS), most_unfinished=tasks + 1)
            task, _ = store.claim(task_id, GONE, ())
            store.commit_batch(task, [BODY] * _RECORDS, Checkpoint(_RECORDS, "d" * 64, "one batch"))


class FirstCommit(threading.Thread):
    """Looks, from a connection of its own, for the first batch beyond those that were there."""

    def __init__(self, path: Path, known: int) -> None:
        super().__init__(daemon=True)
        self.at: float | None = None
        self.claimed = 0  # how many tasks were this life's by then
        self._path, self._known = path, known
        self._over = time.monotonic() + _LONGEST_S

    def run(self) -> None:
        """Until there is one, or nobody would wait any longer."""
        with closing(connect(self._path)) as db:
            while self.at is None and time.monotonic() < self._over:
                (newest,) = db.execute("SELECT max(rowid) FROM batches").fetchone()
                if newest > self._known:
                    self.at = time.perf_counter()
                    (self.claimed,) = db.execute("SELECT count(*) FROM tasks WHERE worker != ?", (GONE,)).fetchone()
                time.sleep(0.0005)  # it would take the interpreter from whom it watches


@dataclass(frozen=True, slots=True)
class Resumed:
    """Milliseconds from an engine's start until its first commit of a batch.

    ``claimed``: so many tasks were its own by then. ``looked_ms``: what the look at the file took, which comes first.
    Beside it the least that any look would: to read the file once, and to see that no page has two owners.
    """

    looked_ms: float
    read_ms: float
    pages_ms: float
    first_ms: float
    claimed: int


async def resumed(filled: Path, tasks: int) -> Resumed:
    """Start an engine on a copy of this store; raises AssertionError where nothing is committed."""
    with tempfile.TemporaryDirectory(dir=filled.parent) as folder:
        path = Path(folder) / "tasks.db"
        shutil.copyfile(filled, path)
        looked_ms = _ms(lambda: prepare(path))  # once more by itself: the engine does it too
        read_ms, pages_ms = _ms(path.read_bytes), _ms(lambda: _pages(path))
        watching = FirstCommit(path, tasks)
        watching.start()
        began = time.perf_counter()
        running = await started(path)
        await asyncio.to_thread(watching.join)
        await running.stop()
    assert watching.at is not None, f"nothing was committed within {_LONGEST_S:.0f} s"
    return Resumed(looked_ms, read_ms, pages_ms, 1000 * (watching.at - began), watching.claimed)


def _pages(path: Path) -> None:
    """SQLite's look at the pages alone, without whether indexes and tables agree."""
    with closing(connect(path)) as db:
        db.execute("PRAGMA quick_check(1)").fetchone()


def _ms(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - began)


def measure(folder: Path, tasks: int, rounds: int) -> list[tuple[Resumed, Resumed]]:
    """With all of these tasks, and with one, in turns."""
    many, one = folder / "many.db", folder / "one.db"
    fill(many, tasks)
    fill(one, 1)
    return [(asyncio.run(resumed(many, tasks)), asyncio.run(resumed(one, 1))) for _ in range(rounds)]


def figures(found: Sequence[tuple[Resumed, Resumed]], tasks: int) -> list[Figure]:
    """What of it stands in the table."""
    of_many, of_one = zip(*found, strict=True)
    many_ms, one_ms = (statistics.median(it.first_ms for it in side) for side in (of_many, of_one))
    looked_ms, read_ms, pages_ms, claimed = (
        statistics.median(getattr(it, name) for it in of_many)
        for name in ("looked_ms", "read_ms", "pages_ms", "claimed")
    )
    why = (
        f"{looked_ms:.0f} ms of it are the look whether the file is whole, which takes longer the larger the file is; "
        f"to read it once takes {read_ms:.0f} ms, and to see that none of its pages has two owners {pages_ms:.0f} ms. "
        "It cannot come behind the first commit: that would write over what a bent free list calls free, and such a "
        f"store is to be left as it is. {claimed:.0f} tasks had been claimed by the first commit of a batch"
    )
    name = f"from the start to the first resumed commit: {tasks:,} unfinished tasks against one"
    ratios = [many.first_ms / one.first_ms for many, one in found]
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
    tell({}, figures(found, tasks), as_json=options.json)


if __name__ == "__main__":
    main()
