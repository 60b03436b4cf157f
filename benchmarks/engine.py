"""What exactness costs: the reference server's engine against bare SQLite transactions, interleaved in one run.

``python -m benchmarks.engine [--rounds 5] [--flat 10] [--folder DIR] [--json] [--quick]``

The job does no work of its own: it hands out batches of equal records, so that what is measured is the engine. Bare
transactions write the same rows into the same tables, where triggers seal a task's row, which takes them more of the
processor's time than a worker of the engine, who seals it itself. All files lie in one folder, on one disk. Also:
whether a batch costs the same at the end of a million records, and whether a store with many tasks starts and answers
quickly.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.engine_figures import figures
from benchmarks.figures import common, tell
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
_PARTS, _LOOK_S = 10, 0.005
# What it has to come to, lest something has got slower; what it is to come to stands in benchmarks.engine_figures.
CLAIMS = {"single_ratio": 0.7, "hundred_ratio": 5.0, "flatness": 1.5, "start_s": 2.0, "page_ms": 20.0}


@dataclass(frozen=True, slots=True)
class Size:
    """How much is done: batches of one task, and of each of a hundred; those of a long one, and the records in each."""

    rounds: int = 5
    flat: int = 10
    single: int = 4000
    hundred: int = 300
    long: int = 1000
    long_records: int = 1000
    finished: int = 100_000
    unfinished: int = 1_000


SMALL = Size(rounds=1, flat=1, single=100, hundred=5, long=100, long_records=10, finished=200, unfinished=50)


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
            store.submit("t" * 32, submission(0, batches, records), most_unfinished=1)
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
    running = await started(path)
    began = time.perf_counter()
    for number in range(tasks):
        await running.submit(submission(number, batches, records))
    await _idle(running)
    elapsed_s = time.perf_counter() - began
    assert (await running.read(Store.counts))["completed"] == tasks
    await running.stop()
    return tasks * batches / elapsed_s


async def _idle(running: Engine) -> None:
    """Wait for the end of all tasks; what asks no thread takes nothing from what is measured."""
    while running.active():  # noqa: ASYNC110 (the engine tells of tasks that are watched, which has its price)
        await asyncio.sleep(_LOOK_S)


async def long(path: Path, batches: int, records: int) -> list[float]:
    """Batches a second of one long task, in each tenth of the way, or of what was seen of it."""
    running = await started(path)
    marks = [(0, time.perf_counter())]
    await running.submit(submission(0, batches, records))
    while running.active():
        step = await running.read(_step)
        if step - marks[-1][0] >= batches / _PARTS or (step == batches and step > marks[-1][0]):
            marks.append((step, time.perf_counter()))
        await asyncio.sleep(_LOOK_S)
    await running.stop()
    return [(after - before) / (later - earlier) for (before, earlier), (after, later) in itertools.pairwise(marks)]


def flatness(parts: list[float]) -> float:
    """How many times what a batch takes in the first third, its beginning left out, it takes in the last third."""
    third = max(len(parts) // 3, 1)
    return statistics.mean(parts[1 : third + 1] or parts[:1]) / statistics.mean(parts[-third:])


def _step(store: Store) -> int:
    return store.listed(None, None, 1)[0].step


async def crowded(path: Path, finished: int, unfinished: int) -> dict[str, float]:
    """Starting with many tasks in the store, and the time that a page and the statistics take then. Milliseconds."""
    empty = path.with_name("empty.db")
    empty_s = await _start_s(empty)
    _fill(path, finished, unfinished)
    full_s = await _start_s(path)
    running = await started(path)
    page_ms, stats_ms = [], []
    for _ in range(20):
        began = time.perf_counter()
        assert len(await running.read(lambda store: store.listed(None, None, 101))) == 101
        page_ms.append(1000 * (time.perf_counter() - began))
        began = time.perf_counter()
        assert sum((await running.read(lambda store: store.counts())).values()) == finished + unfinished
        stats_ms.append(1000 * (time.perf_counter() - began))
    await running.stop()
    return {
        "start_s": full_s - empty_s,
        "page_ms": statistics.median(page_ms),
        "stats_ms": statistics.median(stats_ms),
    }


async def _start_s(path: Path) -> float:
    began = time.perf_counter()
    running = await started(path)
    elapsed_s = time.perf_counter() - began
    await running.stop()
    return elapsed_s


def _fill(path: Path, finished: int, unfinished: int) -> None:
    """Finished tasks, and some that are paused: what is unfinished must not be finished by the measuring itself."""
    prepare(path)
    columns = "task_id, kind, parameters, status, total, batch_size, progress, created_at, updated_at"
    with closing(connect(path)) as db:
        db.execute("BEGIN")
        db.executemany(
            f"INSERT INTO tasks ({columns}) VALUES (?, ?, '{{}}', ?, 10, 1, ?, ?, ?)",
            (
                (f"{n:032x}", KIND, *(("completed", 10) if n < finished else ("running", 1)), *(f"2026-{n:08d}",) * 2)
                for n in range(finished + unfinished)
            ),
        )
        db.execute("COMMIT")


async def started(path: Path) -> Engine:
    """An engine that goes on with what is in this store; it knows the job of this benchmark."""
    kinds.KINDS[KIND] = Handing.of
    running = Engine(Settings(path, DataRoot(path.parent), Effects(None), CrashPoints("")))
    await running.start()
    return running


def submission(number: int, batches: int, records: int) -> Submission:
    """A task of this job."""
    return Submission(KIND, str(number), {}, total=batches * records, batch_size=records)


def measure(folder: Path, size: Size) -> dict[str, Any]:
    """Run the benchmark."""
    commits = {f"{records} a batch": _commits(folder, size, records) for records in RECORDS}
    ratios = []
    for number in range(size.flat):
        place = folder / f"long-{number}"
        place.mkdir()
        ratios.append(flatness(asyncio.run(long(place / "long.db", size.long, size.long_records))))
        shutil.rmtree(place)
    found = {"flatness": statistics.median(ratios)}
    found |= asyncio.run(crowded(folder / "crowded.db", size.finished, size.unfinished))
    told = {name: round(value, 2) for name, value in found.items()}
    return {**commits, **told, "flatness_ratios": [round(ratio, 3) for ratio in ratios]}


def _commits(folder: Path, size: Size, records: int) -> dict[str, Any]:
    """Batches a second: bare, of one task, and of a hundred, one after the other in each round."""
    rates: list[tuple[float, float, float]] = []
    cpu: list[list[float]] = []
    for number in range(size.rounds):
        name = f"{records}-{number}.db"
        marks = [time.process_time()]
        base = bare(folder / f"bare-{name}", size.single, records)
        marks.append(time.process_time())
        single = asyncio.run(engine(folder / f"single-{name}", 1, size.single, records))
        marks.append(time.process_time())
        hundred = asyncio.run(engine(folder / f"hundred-{name}", 100, size.hundred, records))
        marks.append(time.process_time())
        rates.append((base, single, hundred))
        cpu.append([later - earlier for earlier, later in itertools.pairwise(marks)])
    bares, singles, hundreds = zip(*rates, strict=True)
    batches = (size.single, size.single, 100 * size.hundred)
    spent_us = [round(1e6 * statistics.median(of) / n) for of, n in zip(zip(*cpu, strict=True), batches, strict=True)]
    return {
        "bare_per_s": round(statistics.median(bares)),
        "single_per_s": round(statistics.median(singles)),
        "hundred_per_s": round(statistics.median(hundreds)),
        **dict(zip(("bare_cpu_us", "single_cpu_us", "hundred_cpu_us"), spent_us, strict=True)),
        "single_ratio": round(statistics.median(single / base for base, single, _ in rates), 2),
        "hundred_ratio": round(statistics.median(hundred / single for _, single, hundred in rates), 1),
        "single_ratios": [round(single / base, 3) for base, single, _ in rates],
        "hundred_ratios": [round(hundred / single, 2) for _, single, hundred in rates],
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
    parser.add_argument("--flat", type=int, default=10, help="tasks of a million records (default: 10)")
    parser.add_argument("--folder", type=Path, help="on the disk to be measured (default: a temporary folder)")
    common(parser)
    options = parser.parse_args()
    size = SMALL if options.quick else replace(Size(), rounds=options.rounds, flat=options.flat)
    with tempfile.TemporaryDirectory(prefix="engine-", dir=options.folder) as folder:
        found = measure(Path(folder), size)
    note = (
        f"with {size.finished:,} finished and {size.unfinished:,} unfinished tasks the engine starts "
        f"{found['start_s']} s later than with none; a page of the list takes {found['page_ms']} ms, the statistics "
        f"{found['stats_ms']} ms"
    )
    tell({**found, "notes": [note]}, figures(found, RECORDS, size.long * size.long_records), as_json=options.json)
    if not options.json:
        print(note)
    raise SystemExit(0 if holds(found) else 1)


if __name__ == "__main__":
    main()
