"""What exactness costs: the reference server's engine against bare SQLite transactions, interleaved in one run.

``python -m benchmarks.engine [--rounds 5] [--folder DIR] [--json]``

The job does no work of its own: it hands out batches of equal records, so that what is measured is the engine. Bare
transactions write the same rows into the same tables. All files lie in one folder, on one disk. Also: whether a batch
costs the same at the end of a million records, and whether a store with many tasks starts and answers quickly.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from reference_server import kinds
from reference_server.crashpoints import CrashPoints
from reference_server.data_root import DataRoot
from reference_server.effects import Effects
from reference_server.engine import Engine, Settings
from reference_server.jobs import Batch, Finish
from reference_server.schema import connect, prepare
from reference_server.store import Store
from reference_server.task import Submission, Task

KIND = "benchmark"
RECORDS = (1, 10)  # in a batch: the least there is to commit, which is what the claims are about, and some more
BODY = json.dumps({"id": "record-000000", "text": "x" * 100})
SINGLE_BATCHES = 4000
HUNDRED_BATCHES = 300
LONG_BATCHES = 1000
LONG_RECORDS = 1000
FINISHED, UNFINISHED = 100_000, 1_000
_PARTS, _LOOK_S = 10, 0.005
CLAIMS = {"single_ratio": 0.7, "hundred_ratio": 5.0, "flatness": 1.5, "start_s": 2.0, "page_ms": 20.0}


class Handing:
    """A job that hands out equal records."""

    @classmethod
    def of(cls, _: dict[str, Any], __: DataRoot) -> Handing:
        """Nothing is stored of it."""
        return cls()

    def questions(self, task: Task) -> dict[str, Any]:
        """None."""
        return {}

    def batch(self, task: Task, state: bytes | None) -> Batch:
        """The next records."""
        bodies = [BODY] * min(task.batch_size, task.total - task.progress)
        done = task.progress + len(bodies)
        return Batch([], bodies, done, f"Processed {done}/{task.total} records")

    def finish(self, task: Task, state: bytes | None, bodies: Iterator[str]) -> Finish:
        """Nothing to make."""
        return Finish({"processed": task.progress})


def bare(path: Path, batches: int, records: int) -> float:
    """Batches a second with nothing but SQLite."""
    prepare(path)
    with closing(connect(path)) as db, closing(Store(path)) as store:
        with store.transaction():
            store.submit("t" * 32, _submission(0, batches, records), most_unfinished=1)
        began = time.perf_counter()
        for number in range(batches):
            db.execute("BEGIN IMMEDIATE")
            db.execute(
                "UPDATE tasks SET step = ?, progress = ?, cursor = ?, digest = ?, message = ?, updated_at = ?"
                " WHERE task_id = ?",
                (number + 1, number * records, number * records, "d" * 64, "m" * 30, "2" * 32, "t" * 32),
            )
            row = ("t" * 32, number * records, "\n".join([BODY] * records))
            db.execute("INSERT INTO batches (task_id, position, bodies) VALUES (?, ?, ?)", row)
            db.execute("COMMIT")
        return batches / (time.perf_counter() - began)


async def engine(path: Path, tasks: int, batches: int, records: int) -> float:
    """Batches a second with ``tasks`` tasks at once."""
    running = await _started(path)
    began = time.perf_counter()
    for number in range(tasks):
        await running.submit(_submission(number, batches, records))
    await _idle(running)
    elapsed_s = time.perf_counter() - began
    assert (await running.read(Store.counts))["completed"] == tasks
    await running.stop()
    return tasks * batches / elapsed_s


async def _idle(running: Engine) -> None:
    """Wait for the end of all tasks; what asks no thread takes nothing from what is measured."""
    while running.active():  # noqa: ASYNC110 (the engine tells of tasks that are watched, which has its price)
        await asyncio.sleep(_LOOK_S)


async def long(path: Path) -> list[float]:
    """Batches a second of one long task, in each tenth of the way."""
    running = await _started(path)
    marks = [time.perf_counter()]
    await running.submit(_submission(0, LONG_BATCHES, LONG_RECORDS))
    while running.active():
        if await running.read(_step) >= LONG_BATCHES * len(marks) / _PARTS:
            marks.append(time.perf_counter())
        await asyncio.sleep(_LOOK_S)
    await running.stop()
    return [LONG_BATCHES / _PARTS / (later - earlier) for earlier, later in itertools.pairwise(marks)]


def _step(store: Store) -> int:
    return store.listed(None, None, 1)[0].step


async def crowded(path: Path) -> dict[str, float]:
    """Starting with many tasks in the store, and the time that a page and the statistics take then. Milliseconds."""
    empty = path.with_name("empty.db")
    empty_s = await _start_s(empty)
    _fill(path)
    full_s = await _start_s(path)
    running = await _started(path)
    page_ms, stats_ms = [], []
    for _ in range(20):
        began = time.perf_counter()
        assert len(await running.read(lambda store: store.listed(None, None, 101))) == 101
        page_ms.append(1000 * (time.perf_counter() - began))
        began = time.perf_counter()
        assert sum((await running.read(lambda store: store.counts())).values()) == FINISHED + UNFINISHED
        stats_ms.append(1000 * (time.perf_counter() - began))
    await running.stop()
    return {
        "start_s": full_s - empty_s,
        "page_ms": statistics.median(page_ms),
        "stats_ms": statistics.median(stats_ms),
    }


async def _start_s(path: Path) -> float:
    began = time.perf_counter()
    running = await _started(path)
    elapsed_s = time.perf_counter() - began
    await running.stop()
    return elapsed_s


def _fill(path: Path) -> None:
    """Finished tasks, and some that are paused: what is unfinished must not be finished by the measuring itself."""
    prepare(path)
    columns = "task_id, kind, parameters, status, total, batch_size, progress, created_at, updated_at"
    with closing(connect(path)) as db:
        db.execute("BEGIN")
        db.executemany(
            f"INSERT INTO tasks ({columns}) VALUES (?, ?, '{{}}', ?, 10, 1, ?, ?, ?)",
            (
                (f"{n:032x}", KIND, *(("completed", 10) if n < FINISHED else ("running", 1)), *(f"2026-{n:08d}",) * 2)
                for n in range(FINISHED + UNFINISHED)
            ),
        )
        db.execute("COMMIT")


async def _started(path: Path) -> Engine:
    kinds.KINDS[KIND] = Handing.of
    running = Engine(Settings(path, DataRoot(path.parent), Effects(None), CrashPoints("")))
    await running.start()
    return running


def _submission(number: int, batches: int, records: int) -> Submission:
    return Submission(KIND, str(number), {}, total=batches * records, batch_size=records)


def measure(folder: Path, rounds: int) -> dict[str, Any]:
    """Run the benchmark."""
    commits = {f"{records} a batch": _commits(folder, rounds, records) for records in RECORDS}
    parts = asyncio.run(long(folder / "long.db"))
    found = {"flatness": statistics.mean(parts[1:4]) / statistics.mean(parts[-3:])}
    found |= asyncio.run(crowded(folder / "crowded.db"))
    return {**commits, **{name: round(value, 2) for name, value in found.items()}}


def _commits(folder: Path, rounds: int, records: int) -> dict[str, float]:
    """Batches a second: bare, of one task, and of a hundred, one after the other in each round."""
    rates: list[tuple[float, float, float]] = []
    for number in range(rounds):
        name = f"{records}-{number}.db"
        base = bare(folder / f"bare-{name}", SINGLE_BATCHES, records)
        single = asyncio.run(engine(folder / f"single-{name}", 1, SINGLE_BATCHES, records))
        hundred = asyncio.run(engine(folder / f"hundred-{name}", 100, HUNDRED_BATCHES, records))
        rates.append((base, single, hundred))
    bares, singles, hundreds = zip(*rates, strict=True)
    return {
        "bare_per_s": round(statistics.median(bares)),
        "single_per_s": round(statistics.median(singles)),
        "hundred_per_s": round(statistics.median(hundreds)),
        "single_ratio": round(statistics.median(single / base for base, single, _ in rates), 2),
        "hundred_ratio": round(statistics.median(hundred / single for _, single, hundred in rates), 1),
    }


def holds(found: dict[str, Any]) -> bool:
    """Whether every claim holds."""
    commits = found[f"{RECORDS[0]} a batch"]
    enough = all(commits[name] >= CLAIMS[name] for name in ("single_ratio", "hundred_ratio"))
    within = all(found[name] <= CLAIMS[name] for name in ("flatness", "start_s", "page_ms"))
    return enough and within and found["stats_ms"] <= CLAIMS["page_ms"]


def main() -> None:
    """Measure and print; exit code 1 if a claim does not hold."""
    parser = argparse.ArgumentParser(description="The reference server's engine against bare SQLite transactions.")
    parser.add_argument("--rounds", type=int, default=5, help="rounds, interleaved (default: 5)")
    parser.add_argument("--folder", type=Path, help="on the disk to be measured (default: a temporary folder)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="engine-", dir=options.folder) as folder:
        found = measure(Path(folder), options.rounds)
    if options.json:
        print(json.dumps(found))
    else:
        print(f"batches a second, medians of {options.rounds} rounds")
        for records in RECORDS:
            commits = found[f"{records} a batch"]
            print(f"  with {records} record{'s' if records > 1 else ''} in a batch")
            print(f"    bare SQLite transactions  {commits['bare_per_s']:>7}")
            print(f"    one task                  {commits['single_per_s']:>7}   {commits['single_ratio']} of bare")
            print(f"    a hundred tasks           {commits['hundred_per_s']:>7}   {commits['hundred_ratio']} times one")
        print(
            f"a batch at the end of {LONG_BATCHES * LONG_RECORDS:,} records: {found['flatness']} times one at the start"
        )
        print(
            f"with {FINISHED:,} finished and {UNFINISHED:,} unfinished tasks: starts {found['start_s']} s later, "
            f"a page takes {found['page_ms']} ms, the statistics {found['stats_ms']} ms"
        )
    raise SystemExit(0 if holds(found) else 1)


if __name__ == "__main__":
    main()
