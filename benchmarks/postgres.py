"""What several servers on one PostgreSQL reach, beside the same transactions in a bare loop, interleaved in one run.

``python -m benchmarks.postgres [--rounds 3] [--servers 4] [--tasks 100] [--batches 200] [--json] [--quick]``

Each server is an engine in a process of its own; their job does no work, so that what is measured is the engine and the
database. Bare loops, as many, write the same rows into the same tables, a batch a transaction. PostgreSQL flushes each
commit to the disk (fsync = on). Also: how long the tasks of a server that was killed take to go on elsewhere.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import psycopg

from benchmarks.engine import BODY, KIND, Handing
from benchmarks.figures import Figure, Goal, Spread, at_least, at_most, common, tell, told
from mcp_crashtest.model.service_spec import ServiceKind, ServiceSpec
from mcp_crashtest.subjects.services import Service
from mcp_crashtest.subjects.sockets import find_free_port
from mcp_crashtest.subjects.spawner import Spawner
from reference_server import kinds
from reference_server.crashpoints import CrashPoints
from reference_server.data_root import DataRoot
from reference_server.effects import Effects
from reference_server.engine import Engine, Settings
from reference_server.postgres.place import Postgres
from reference_server.postgres.sessions import LEASE_S
from reference_server.store import Store
from reference_server.task import Submission

GOALS: dict[str, Goal] = {"rate": at_least(2000), "ratio": at_least(0.8), "takeover_s": at_most(LEASE_S)}
_LOOK_S = 0.01
_OPTIONS = ("-c", "fsync=on", "-c", "shared_buffers=128MB", "-c", "max_wal_size=1GB")


# --- what runs in a process of its own: says that it is ready, reads a line, works, says that it has ended


def bare(url: str, number: int, tasks: int, batches: int) -> None:
    """The transactions of these tasks, one after the other, with nothing but the driver."""
    with closing(psycopg.connect(url, autocommit=True, options="-c search_path=reference_server")) as session:
        names = [f"{number:04x}{task:04x}" * 4 for task in range(tasks)]
        for name in names:
            session.execute(
                "INSERT INTO tasks (task_id, kind, parameters, status, total, batch_size, created_at, updated_at)"
                " VALUES (%s, 'bare', '{}', 'paused', %s, 1, '', '')",
                (name, batches),
            )
        _begin()
        for step in range(batches):
            for name in names:
                session.execute("BEGIN")
                session.execute(
                    "UPDATE tasks SET step = step + 1, progress = %s, cursor = %s, digest = %s, message = %s,"
                    " updated_at = %s WHERE task_id = %s AND epoch = %s AND step = %s AND status = %s",
                    (step + 1, step + 1, "d" * 64, "m" * 30, "2" * 32, name, 0, step, "paused"),
                )
                session.execute(
                    "INSERT INTO batches (task_id, position, bodies, seal) VALUES (%s, %s, %s, %s)",
                    (name, step, BODY, 1 << 31),
                )
                session.execute("COMMIT")


async def served(url: str, number: int, tasks: int, batches: int) -> None:
    """The same by a server's engine."""
    kinds.KINDS[KIND] = Handing.of
    with tempfile.TemporaryDirectory() as folder:
        running = Engine(Settings(Postgres(url), DataRoot(Path(folder)), Effects(None), CrashPoints("")))
        await running.start()
        await asyncio.to_thread(_begin)
        for task in range(tasks):
            await running.submit(Submission(KIND, f"{number}-{task}", {}, total=batches, batch_size=1))
        while await running.read(_unfinished):  # noqa: ASYNC110 (as in ``engine``)
            await asyncio.sleep(_LOOK_S * 10)
        _say("done")
        await running.stop()


def _unfinished(store: Store) -> int:
    counts = store.counts()
    return counts["pending"] + counts["running"]


def _say(word: str) -> None:
    print(word, time.process_time(), flush=True)


def _begin() -> None:
    _say("ready")
    sys.stdin.readline()


# --- measuring


@dataclass(frozen=True, slots=True)
class Side:
    """Batches a second of so many processes at once, and the CPU that a batch took them, without the database's."""

    per_s: float
    cpu_ms: float


def _together(role: str, url: str, servers: int, tasks: int, batches: int) -> Side:
    """From the moment in which all are ready."""
    running = [_started(role, url, number, tasks // servers, batches) for number in range(servers)]
    before_s = sum(_heard(process, "ready") for process in running)
    began = time.perf_counter()
    for process in running:
        _tell(process)
    after_s = sum(_heard(process, "done") for process in running)
    elapsed_s, done = time.perf_counter() - began, tasks // servers * servers * batches
    for process in running:
        process.wait()
    return Side(done / elapsed_s, 1000 * (after_s - before_s) / done)


def _started(role: str, url: str, *numbers: int) -> subprocess.Popen[str]:
    words = [sys.executable, "-m", "benchmarks.postgres", "--role", role, url, *map(str, numbers)]
    return subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def _heard(process: subprocess.Popen[str], word: str) -> float:
    """The CPU seconds that it has used when it says this word."""
    output: IO[str] | None = process.stdout
    assert output
    said, _, used = output.readline().strip().partition(" ")
    assert said == word
    return float(used)


def _tell(process: subprocess.Popen[str]) -> None:
    assert process.stdin
    process.stdin.write("\n")
    process.stdin.flush()


def takeover(url: str, batches: int) -> float:
    """Seconds from the SIGKILL of one of two servers to the first batch that the other commits of its tasks."""
    first = _started("served", url, 0, 10, batches)
    _heard(first, "ready")
    _tell(first)
    with closing(psycopg.connect(url, autocommit=True, options="-c search_path=reference_server")) as session:
        while not _steps(session):
            time.sleep(_LOOK_S)
        second = _started("served", url, 1, 0, batches)
        _heard(second, "ready")
        _tell(second)
        os.kill(first.pid, signal.SIGKILL)
        first.wait()
        killed_at, before = time.perf_counter(), _steps(session)
        while _steps(session) <= before:
            time.sleep(_LOOK_S)
        taken_s = time.perf_counter() - killed_at
    second.kill()
    second.wait()
    return taken_s


def _steps(session: psycopg.Connection[Any]) -> int:
    """How many batches there are."""
    row = session.execute("SELECT coalesce(sum(step), 0) FROM tasks").fetchone()
    return int(row[0]) if row else 0


@dataclass(frozen=True, slots=True)
class Round:
    """What the bare loops reached, and the servers; and the seconds that a takeover took."""

    bare: Side
    served: Side
    takeover_s: float


async def measure(rounds: int, servers: int, tasks: int, batches: int) -> list[Round]:
    """Run the benchmark, each round in databases of its own."""
    found = []
    with tempfile.TemporaryDirectory(prefix="postgres-") as folder:
        async with Spawner() as spawner:
            spec = ServiceSpec("db", ServiceKind.POSTGRES, options=_OPTIONS)
            service = Service(spec, spawner, Path(folder, "log"), folder, find_free_port())
            await service.open()
            await service.start({})
            try:
                for number in range(rounds):
                    urls = [_database(service.url, f"{kind}_{number}") for kind in ("bare", "served", "taken")]
                    base = await asyncio.to_thread(_together, "bare", urls[0], servers, tasks, batches)
                    ours = await asyncio.to_thread(_together, "served", urls[1], servers, tasks, batches)
                    found.append(Round(base, ours, await asyncio.to_thread(takeover, urls[2], 10_000)))
            finally:
                await service.end()
    return found


def figures(found: Sequence[Round], servers: int, tasks: int) -> list[Figure]:
    """What of it stands in the table: of the first two goals either is enough, and the other one is not asked for."""
    bare, ours = ([getattr(one, name) for one in found] for name in ("bare", "served"))
    ratios = [one.per_s / other.per_s for one, other in zip(ours, bare, strict=True)]
    bare_per_s, per_s, bare_ms, ms = (
        statistics.median(getattr(one, name) for one in side) for name in ("per_s", "cpu_ms") for side in (bare, ours)
    )
    enough = GOALS["rate"].met(per_s)
    name = f"{servers} servers and {tasks} tasks on one PostgreSQL"
    why = (
        f"a batch takes a server {ms:.2f} ms of CPU and a bare loop {bare_ms:.2f} ms, the database's not counted, on "
        f"{len(os.sched_getaffinity(0))} processors that all of them share with the database"
    )
    late = f"PostgreSQL ends the session of a server that is dead; a lease of {LEASE_S:g} s runs out where it cannot"
    return [
        Figure(name, Spread.of([one.per_s for one in ours]), "batches a second", GOALS["rate"] if enough else None),
        Figure(
            f"{name}: against the same transactions in bare loops",
            Spread.of(ratios),
            goal=None if enough else GOALS["ratio"],
            reason=why,
            beside=f"{told(per_s)} and {told(bare_per_s)} batches a second",
        ),
        Figure(
            "from the SIGKILL of a server to the first batch of its tasks elsewhere",
            Spread.of([one.takeover_s for one in found]),
            "s",
            GOALS["takeover_s"],
            late,
        ),
    ]


def _database(url: str, name: str) -> str:
    with closing(psycopg.connect(url, autocommit=True)) as session:
        session.execute(f"CREATE DATABASE {name}".encode())
    made = f"{url.rpartition('/')[0]}/{name}"
    with closing(Postgres(made)) as place:
        place.prepare()
    return made


def main() -> None:
    """Measure and print; what is to be reached stands in the table."""
    if sys.argv[1:2] == ["--role"]:
        _, _, role, url, *given = sys.argv
        numbers = [int(number) for number in given]
        if role == "bare":
            bare(url, *numbers)
            _say("done")
        else:
            asyncio.run(served(url, *numbers))
        return
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    add = parser.add_argument
    add("--rounds", type=int, default=3, help="rounds, interleaved (default: %(default)s)")
    add("--servers", type=int, default=4, help="processes (default: %(default)s)")
    add("--tasks", type=int, default=100, help="of all servers together (default: %(default)s)")
    add("--batches", type=int, default=200, help="of each task (default: %(default)s)")
    common(parser)
    options = parser.parse_args()
    if options.quick:
        options.rounds, options.servers, options.tasks, options.batches = 1, 2, 4, 10
    found = asyncio.run(measure(options.rounds, options.servers, options.tasks, options.batches))
    tell({}, figures(found, options.servers, options.tasks), as_json=options.json)


if __name__ == "__main__":
    main()
