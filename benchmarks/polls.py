"""How long a question takes while a hundred tasks commit, and beside it the same question to an idle server.

``python -m benchmarks.polls [--polls 2000] [--tasks 100] [--json] [--quick]``

Two reference servers, each a process as its users have it; one has a hundred tasks, which commit as fast as they can
until all is over. One client asks both in turns how a task stands, on connections that stay open.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from benchmarks.figures import Figure, Spread, at_most, common, tell
from mcp_crashtest.wire.messages import STATELESS
from mcp_crashtest.wire.session import Session

GOAL = at_most(10.0)
_DEADLINE_S = 60.0
_BLOCKS = 5
_LONG = 100_000  # items of a task: more than can be done meanwhile
_BATCH = 10


@contextmanager
def server() -> Iterator[dict[str, Any]]:
    """A server with a store of its own, and what it said when it was ready."""
    with tempfile.TemporaryDirectory(prefix="polls-") as name:
        storage = ("--data-root", f"{name}/data", "--store", f"{name}/tasks.db")
        words = [sys.executable, "-m", "reference_server", "--port", "0", *storage]
        with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
            try:
                assert process.stdout
                yield json.loads(process.stdout.readline())
            finally:
                process.kill()


async def submitted(session: Session, items: int) -> str:
    """The resource of a task that was started."""
    asked = {"batch_size": _BATCH, "total_items": items}
    reply = await session.call_tool("start_batch_processing", asked, deadline_s=_DEADLINE_S)
    assert reply.structured, reply.text
    return str(reply.structured["resource_uri"])


async def asked_ms(session: Session, uri: str) -> float:
    """Milliseconds of one question."""
    began = time.perf_counter()
    await session.read_resource(uri, deadline_s=_DEADLINE_S)
    return 1000 * (time.perf_counter() - began)


async def done(session: Session, uris: Sequence[str]) -> int:
    """How many items of these tasks are committed."""
    told = [json.loads(await session.read_resource(uri, deadline_s=_DEADLINE_S)) for uri in uris]
    return sum(int(task["progress"]) for task in told)


async def measure(polls: int, tasks: int) -> dict[str, Any]:
    """Poll both; raises AssertionError where the hundred tasks do not commit meanwhile."""
    with server() as busy, server() as idle:
        sessions = [await Session.open(it["url"], protocol=STATELESS, deadline_s=_DEADLINE_S) for it in (busy, idle)]
        uris = [await submitted(sessions[0], _LONG) for _ in range(tasks)]
        idle_uri = await submitted(sessions[1], _BATCH)
        before, began = await done(sessions[0], uris), time.perf_counter()
        taken: list[tuple[float, float]] = []
        for number in range(polls):
            uri = uris[number % tasks]
            taken.append((await asked_ms(sessions[0], uri), await asked_ms(sessions[1], idle_uri)))
        elapsed_s = time.perf_counter() - began
        after = await done(sessions[0], uris)
        assert after > before, "nothing was committed meanwhile"
        for session in sessions:
            await session.close()
    size = max(polls // _BLOCKS, 1)
    blocks = [taken[first : first + size] for first in range(0, polls - size + 1, size)]
    return {
        "p99_ms": [_p99([busy for busy, _ in block]) for block in blocks],
        "idle_p99_ms": [_p99([idle for _, idle in block]) for block in blocks],
        "median_ms": [statistics.median(busy for busy, _ in block) for block in blocks],
        "idle_median_ms": [statistics.median(idle for _, idle in block) for block in blocks],
        "batches_per_s": round((after - before) / _BATCH / elapsed_s),
    }


def _p99(values: Sequence[float]) -> float:
    return sorted(values)[int(0.99 * (len(values) - 1))]


def figures(found: dict[str, Any], tasks: int) -> list[Figure]:
    """What of it stands in the table."""
    p99, idle = found["p99_ms"], found["idle_p99_ms"]
    usual, idle_usual = (statistics.median(found[key]) for key in ("median_ms", "idle_median_ms"))
    why = (
        f"half of all questions are answered within {usual:.1f} ms ({idle_usual:.1f} ms idle); the slowest wait for "
        f"the one interpreter that also makes {found['batches_per_s']:,} batches a second"
    )
    beside = f"idle {statistics.median(idle):.1f} ms; meanwhile {found['batches_per_s']:,} batches a second"
    name = f"99 of 100 questions answered within, while {tasks} tasks commit"
    ratios = [one / other for one, other in zip(p99, idle, strict=True)]
    return [
        Figure(name, Spread.of(p99), "ms", GOAL, why, beside),
        Figure("the same, against an idle server", Spread.of(ratios)),
    ]


def main() -> None:
    """Measure and print; what is to be reached stands in the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--polls", type=int, default=2000, help="of each server (default: %(default)s)")
    parser.add_argument("--tasks", type=int, default=100, help="that commit meanwhile (default: %(default)s)")
    common(parser)
    options = parser.parse_args()
    polls, tasks = (50, 5) if options.quick else (options.polls, options.tasks)
    found = asyncio.run(measure(polls, tasks))
    tell(found, figures(found, tasks), as_json=options.json)


if __name__ == "__main__":
    main()
