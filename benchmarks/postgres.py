"""What several servers on one PostgreSQL reach, beside the same transactions in a bare loop, interleaved in one run.

``python -m benchmarks.postgres [--rounds 3] [--servers 4] [--tasks 100] [--batches 200] [--json]``

Each server is an engine in a process of its own; their job does no work, so that what is measured is the engine and the
database. Bare loops, as many, write the same rows into the same tables, a batch a transaction. PostgreSQL flushes each
commit to the disk (fsync = on). Also: how long the tasks of a server that was killed take to go on elsewhere.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import IO, Any

import psycopg

from benchmarks.engine import BODY, KIND, Handing
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
from reference_server.store import Store
from reference_server.task import Submission

CLAIMS = {"batches_per_s": 2000, "ratio": 0.8, "takeover_s": 5.0}
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
    print(word, flush=True)


def _begin() -> None:
    _say("ready")
    sys.stdin.readline()


# --- measuring


def _together(role: str, url: str, servers: int, tasks: int, batches: int) -> float:
    """Batches a second of so many processes at once, from the moment in which all are ready."""
    running = [_started(role, url, number, tasks // servers, batches) for number in range(servers)]
    for process in running:
        assert _heard(process) == "ready"
    began = time.perf_counter()
    for process in running:
        _tell(process)
    for process in running:
        assert _heard(process) == "done"
    elapsed_s = time.perf_counter() - began
    for process in running:
        process.wait()
    return tasks // servers * servers * batches / elapsed_s


def _started(role: str, url: str, *numbers: int) -> subprocess.Popen[str]:
    words = [sys.executable, "-m", "benchmarks.postgres", "--role", role, url, *map(str, numbers)]
    return subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def _heard(process: subprocess.Popen[str]) -> str:
    output: IO[str] | None = process.stdout
    assert output
    return output.readline().strip()


def _tell(process: subprocess.Popen[str]) -> None:
    assert process.stdin
    process.stdin.write("\n")
    process.stdin.flush()


def takeover(url: str, batches: int) -> float:
    """Seconds from the SIGKILL of one of two servers to the first batch that the other commits of its tasks."""
    first = _started("served", url, 0, 10, batches)
    assert _heard(first) == "ready"
    _tell(first)
    with closing(psycopg.connect(url, autocommit=True, options="-c search_path=reference_server")) as session:
        while not _steps(session):
            time.sleep(_LOOK_S)
        second = _started("served", url, 1, 0, batches)
        assert _heard(second) == "ready"
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


async def measure(rounds: int, servers: int, tasks: int, batches: int) -> dict[str, Any]:
    """Run the benchmark, each round in databases of its own."""
    rates: list[tuple[float, float]] = []
    taken: list[float] = []
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
                    rates.append((base, ours))
                    taken.append(await asyncio.to_thread(takeover, urls[2], 10_000))
            finally:
                await service.end()
    return {
        "bare_per_s": round(statistics.median(base for base, _ in rates)),
        "batches_per_s": round(statistics.median(ours for _, ours in rates)),
        "ratio": round(statistics.median(ours / base for base, ours in rates), 2),
        "ratios": [round(ours / base, 2) for base, ours in rates],
        "takeover_s": round(max(taken), 2),
    }


def _database(url: str, name: str) -> str:
    with closing(psycopg.connect(url, autocommit=True)) as session:
        session.execute(f"CREATE DATABASE {name}".encode())
    made = f"{url.rpartition('/')[0]}/{name}"
    with closing(Postgres(made)) as place:
        place.prepare()
    return made


def holds(found: dict[str, Any]) -> bool:
    """Whether every claim holds."""
    fast = found["batches_per_s"] >= CLAIMS["batches_per_s"] or found["ratio"] >= CLAIMS["ratio"]
    return bool(fast and found["takeover_s"] <= CLAIMS["takeover_s"])


def main() -> None:
    """Measure and print; exit code 1 if a claim does not hold."""
    if sys.argv[1:2] == ["--role"]:
        _, _, role, url, *given = sys.argv
        numbers = [int(number) for number in given]
        if role == "bare":
            bare(url, *numbers)
            _say("done")
        else:
            asyncio.run(served(url, *numbers))
        return
    parser = argparse.ArgumentParser(description="Several servers on one PostgreSQL, against bare transactions.")
    parser.add_argument("--rounds", type=int, default=3, help="rounds, interleaved (default: 3)")
    parser.add_argument("--servers", type=int, default=4, help="processes (default: 4)")
    parser.add_argument("--tasks", type=int, default=100, help="of all servers together (default: 100)")
    parser.add_argument("--batches", type=int, default=200, help="of each task (default: 200)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    found = asyncio.run(measure(options.rounds, options.servers, options.tasks, options.batches))
    if options.json:
        print(json.dumps(found))
    else:
        print(
            f"{options.servers} servers, {options.tasks} tasks: {found['batches_per_s']} batches a second; bare loops "
            f"{found['bare_per_s']}; {found['ratio']} of bare, in the rounds {found['ratios']}"
        )
        print(f"the tasks of a server that was killed go on elsewhere within {found['takeover_s']} s")
    raise SystemExit(0 if holds(found) else 1)


if __name__ == "__main__":
    main()
