"""Restart to first successful call: the fork server against a cold spawn, interleaved in one run.

``python -m benchmarks.restart [--rounds 9] [--cycles 100] [--json] [--quick]``

Each round kills the reference server (SIGKILL) and
measures, from the kill to the first MCP answer, once cold and a few times through the fork server. Then so many more
cycles through the fork server show that processes, descriptors and memory stay what they are.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
import time
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

import psutil

from benchmarks.figures import Figure, Spread, at_least, common, tell
from mcp_crashtest.files.profile_files import read_profile
from mcp_crashtest.files.run_folder import RunFolder
from mcp_crashtest.subjects.life import Life
from mcp_crashtest.subjects.spawner import Spawner
from mcp_crashtest.subjects.subject import Subject
from mcp_crashtest.wire.http import Address
from mcp_crashtest.wire.session import Session
from mcp_crashtest.wire.streamable import Streamable

PROFILE = Path(__file__).resolve().parents[1] / "scenarios" / "profiles" / "reference-durable.toml"
CLAIM = 20.0
_WARM_PER_ROUND = 3
_WARM_UP_CYCLES = 10
_DEADLINE_S = 60.0
_COUNTS, _COUNTING_S = 5, 0.05
_LIFE_S = 0.2  # how long each boot lives before it is killed, cold or not: less than in any real run


@dataclass(frozen=True, slots=True)
class Holding:
    """What the lab and everything below it hold."""

    processes: int
    descriptors: int
    fork_server_descriptors: int
    fork_server_kib: int


async def first_call(subject: Subject) -> None:
    """The first successful call: a client connects and calls a tool, with no handshake before it."""
    session = Session(Streamable(Address.of(subject.url)))
    reply = await session.call_tool("get_server_stats", {}, deadline_s=_DEADLINE_S)
    assert not reply.is_error, reply.text
    await session.close()


@dataclass(frozen=True, slots=True)
class Took:
    """The seconds of a restart: until the killed one is reaped, the next is there, and it has answered."""

    kill_s: float
    boot_s: float
    answer_s: float

    @property
    def all_s(self) -> float:
        """From the kill to the answer."""
        return self.kill_s + self.boot_s + self.answer_s


async def restart(subject: Subject, running: Life, *, cold: bool) -> tuple[Life, Took]:
    """Kill, start again, call; the new process, and how long it took."""
    subject.warm_lives = 0 if cold else None
    await asyncio.sleep(_LIFE_S)
    began = time.perf_counter()
    proof = await running.kill()
    assert proof.confirmed, proof.reason
    killed = time.perf_counter()
    process = await subject.boot()
    booted = time.perf_counter()
    await first_call(subject)
    return process, Took(killed - began, booted - killed, time.perf_counter() - booted)


async def holding() -> Holding:
    """What is held at rest: the median of several counts, since one may see too many or too few at a bad moment."""
    counts = []
    for _ in range(_COUNTS):
        counts.append(await _count())
        await asyncio.sleep(_COUNTING_S)
    return Holding(
        *(statistics.median_low(column) for column in zip(*(astuple(count) for count in counts), strict=True))
    )


async def _count() -> Holding:
    """Count, once the fork server has its subject and the child that stands by."""
    lab = psutil.Process()
    deadline = time.monotonic() + _DEADLINE_S
    while True:
        family = lab.children(recursive=True)
        servers = [p for p in family if len(p.children()) == 2 and "mcp_crashtest.subjects.forkserver" in p.cmdline()]
        if servers:
            break
        assert time.monotonic() < deadline, "the fork server does not fork a child ahead"
        await asyncio.sleep(0.01)
    server = servers[0]
    return Holding(len(family), lab.num_fds(), server.num_fds(), server.memory_info().rss // 1024)


async def measure(rounds: int, cycles: int) -> dict[str, Any]:
    """Run the benchmark; raises AssertionError when a kill or a call fails."""
    cold_s: list[float] = []
    warm: list[Took] = []
    ratios: list[float] = []
    with tempfile.TemporaryDirectory(prefix="restart-") as folder:
        async with Spawner() as spawner:
            profile = read_profile(PROFILE)
            subject = Subject(profile, spawner, RunFolder(Path(folder)), "benchmark", profile.workload)
            subject.open()
            try:
                process = await subject.boot()
                await first_call(subject)
                for _ in range(rounds):
                    process, took = await restart(subject, process, cold=True)
                    cold_s.append(took.all_s)
                    for _ in range(_WARM_PER_ROUND):
                        process, took = await restart(subject, process, cold=False)
                        warm.append(took)
                    ratios.append(cold_s[-1] / statistics.median(one.all_s for one in warm[-_WARM_PER_ROUND:]))
                for _ in range(_WARM_UP_CYCLES if cycles else 0):
                    process, _ = await restart(subject, process, cold=False)
                before = await holding()
                cycle_s = []
                for _ in range(cycles):
                    process, took = await restart(subject, process, cold=False)
                    cycle_s.append(took.all_s)
                after = await holding()
                await process.kill()
            finally:
                subject.close()
    cold_median_s, warm_s = statistics.median(cold_s), statistics.median(one.all_s for one in warm)
    parts = {name: statistics.median(getattr(one, f"{name}_s") for one in warm) for name in ("kill", "boot", "answer")}
    return {
        "cold_ms": round(cold_median_s * 1000, 1),
        "fork_server_ms": round(warm_s * 1000, 1),
        **{f"fork_server_{name}_ms": round(part_s * 1000, 1) for name, part_s in parts.items()},
        "ratio": round(cold_median_s / warm_s, 1),
        "ratios": [round(ratio, 2) for ratio in ratios],
        "cycles": cycles,
        "cycle_p95_ms": round(sorted(cycle_s)[int(0.95 * (len(cycle_s) - 1))] * 1000, 1) if cycle_s else None,
        "processes_leaked": after.processes - before.processes,
        "descriptors_leaked": after.descriptors - before.descriptors,
        "fork_server_descriptors_leaked": after.fork_server_descriptors - before.fork_server_descriptors,
        "fork_server_kib_grown": after.fork_server_kib - before.fork_server_kib,
    }


def figures(found: dict[str, Any]) -> list[Figure]:
    """What of it stands in the table."""
    beside = f"cold {found['cold_ms']:.0f} ms, fork server {found['fork_server_ms']:.1f} ms"
    kill_ms, boot_ms, answer_ms = (found[f"fork_server_{name}_ms"] for name in ("kill", "boot", "answer"))
    why = (
        f"of a warm restart {kill_ms:.1f} ms go until the killed one is seen to be gone, {boot_ms:.1f} ms until "
        f"the next one is forked, and {answer_ms:.1f} ms until it has opened its store and answered, as a cold one does"
    )
    return [
        Figure(
            "restart to the first answer of the reference server: cold against the fork server",
            Spread.of(found["ratios"]),
            goal=at_least(CLAIM),
            reason=why,
            beside=beside,
        )
    ]


def _leaks(found: dict[str, Any]) -> str:
    held = f"{found['processes_leaked']} processes and {found['descriptors_leaked']} descriptors of the lab"
    served = f"{found['fork_server_descriptors_leaked']} descriptors and {found['fork_server_kib_grown']} KiB"
    return (
        f"{found['cycles']} more cycles: {held} are left behind, the fork server has grown by {served}; "
        f"95 % of the cycles took at most {found['cycle_p95_ms']} ms"
    )


def main() -> None:
    """Measure and print; exit code 1 if the claim does not hold."""
    parser = argparse.ArgumentParser(description="Restart to first successful call, cold and through the fork server.")
    parser.add_argument("--rounds", type=int, default=9, help="cold restarts, each beside three warm ones (default: 9)")
    parser.add_argument("--cycles", type=int, default=100, help="further warm restarts, to see leaks (default: 100)")
    common(parser)
    options = parser.parse_args()
    rounds, cycles = (1, 0) if options.quick else (options.rounds, options.cycles)
    found = asyncio.run(measure(rounds, cycles))
    notes = [_leaks(found)] if cycles else []
    tell({**found, "notes": notes}, figures(found), as_json=options.json)
    raise SystemExit(0 if found["ratio"] >= CLAIM else 1)


if __name__ == "__main__":
    main()
