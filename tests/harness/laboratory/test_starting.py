"""Which fork servers a probe starts; where none can serve a subject, its starts are cold ones, and why is known."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from mcp_crashtest.files.bundle import Bundle
from mcp_crashtest.files.profile_files import read_profile
from mcp_crashtest.laboratory.bench import Bench
from mcp_crashtest.laboratory.laboratory import Laboratory
from mcp_crashtest.laboratory.probe import probed
from mcp_crashtest.subjects.spawner import Spawner
from tests.harness.subjects.launching import made, packages_of
from tests.lab import SMALL

PLAIN = Path(__file__).resolve().parents[2] / "packaging" / "plain.toml"
RESTLESS = "import threading, time\nthreading.Thread(target=time.sleep, args=(600,), daemon=True).start()\n"


@pytest.mark.parametrize(
    ("installed", "cold"),
    [
        (RESTLESS, "no fork server can serve it: 2 threads are left after importing uvicorn: forking is not safe"),
        ("", ""),
    ],
    ids=["an import that leaves a thread", "one that leaves none"],
)
def test_a_subject_that_no_fork_server_can_serve_starts_cold_and_it_is_known_why(
    tmp_path: Path, installed: str, cold: str
) -> None:
    python = made(tmp_path / "venv")
    (packages_of(python) / "uvicorn.py").write_text(installed)
    profile = read_profile(PLAIN)
    command = (profile.subject.command or "").replace("{python}", python)
    profile = replace(profile, subject=replace(profile.subject, command=command))
    with Laboratory(Bundle(tmp_path / "report"), seed=0) as laboratory:
        bench = laboratory.probe(profile)
    assert (bench.cold, bench.why_cold) == (bool(cold), cold)
    assert bench.protocols == ("2026-07-28",)


@pytest.mark.parametrize(("restarts", "fork_servers"), [(True, 2), (False, 1)])
def test_what_a_second_life_is_forked_from_imports_while_the_first_starts(
    tmp_path: Path, restarts: bool, fork_servers: int
) -> None:
    """A server that is looked at and not started again needs no more than one."""

    def guards() -> set[psutil.Process]:
        return {p for p in psutil.Process().children() if "mcp_crashtest.subjects.guard" in p.cmdline()}

    async def started() -> int:
        before = guards()  # the tests' own lab has one
        async with Spawner() as spawner:
            await probed(Bench(read_profile(SMALL), restarts=restarts), Bundle(tmp_path / "report"), spawner)
            [guard] = guards() - before
            return sum("mcp_crashtest.subjects.forkserver" in p.cmdline() for p in guard.children())

    assert asyncio.run(started()) == fork_servers
