"""A server that is not ours: certified by command and by URL, and its twin with tasks in memory caught."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mcp_crashtest.subjects.sockets import find_free_port
from tests.lab import SMALL, THIRD_PARTY, Done, certify, environment, invariants, smaller

PROFILE = THIRD_PARTY / "crashtest.toml"
KILLS = tuple(
    f"--scenario={name}" for name in ("undisturbed", "client-killed", "server-killed-everywhere", "both-killed")
)
# The second one is of a server without keys, and without a ledger.
BRIEF = tuple(f"--scenario={name}" for name in ("server-killed-everywhere", "second-job"))
TOOL = THIRD_PARTY / "tool.toml"


@pytest.fixture
def running(tmp_path: Path) -> Iterator[str]:
    """The server as its author runs it."""
    port = find_free_port()
    command = [sys.executable, THIRD_PARTY / "server.py", "--port", port, "--db", tmp_path / "jobs.db"]
    server = subprocess.Popen([str(word) for word in command], env=environment(), stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 30
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                assert time.monotonic() < deadline, "the server does not listen within 30 s"
                time.sleep(0.05)
        yield f"http://127.0.0.1:{port}/mcp"
    finally:
        server.kill()
        server.wait()


@pytest.mark.soak
@pytest.mark.parametrize(("profile", "contract"), [(PROFILE, "resource-task"), (TOOL, "tool-task")])
def test_it_resumes_exactly_wherever_it_is_killed(tmp_path: Path, profile: Path, contract: str) -> None:
    done = certify(tmp_path / "report", "--profile", smaller(profile, tmp_path), "--quick", *BRIEF)
    assert done.code == 0, done.out + done.err
    scenarios = done.certificate["scenarios"]
    assert {s["verdict"] for s in scenarios} == {"PASS"}
    assert sum(s["kills_confirmed"] for s in scenarios) > 10
    assert done.certificate["subject"][profile.stem]["contract"] == contract


SOMEBODYS = [pytest.param(profile, marks=pytest.mark.soak, id=profile.stem) for profile in (PROFILE, TOOL)]


@pytest.mark.parametrize("profile", [SMALL, *SOMEBODYS])
def test_it_is_certified_by_command(tmp_path: Path, profile: Path) -> None:
    done = certify(tmp_path / "report", "--profile", smaller(profile, tmp_path), "--quick")
    assert done.code == 0, done.out + done.err
    assert done.certificate["verdict"] == "PASS"
    assert done.certificate["level"] == 1
    assert done.certificate["faults"]["kills"] > 10


def test_by_url_what_can_be_assessed_is_and_what_caps_the_level_is_named(tmp_path: Path, running: str) -> None:
    done = certify(tmp_path / "report", "--profile", smaller(PROFILE, tmp_path), "--url", running, "--quick")
    assert done.code == 0, done.out + done.err
    assert done.certificate["verdict"] == "PASS"
    assert done.certificate["level"] == 0
    assert done.certificate["faults"]["confirmed"] >= 5
    assert any("no right to kill the server" in cap for cap in done.certificate["caps"])


@pytest.fixture(scope="module")
def in_memory(tmp_path_factory: pytest.TempPathFactory) -> Done:
    """A twin that keeps its jobs in memory, and FastMCP's own tasks, which do the same: one session for both."""
    folder = tmp_path_factory.mktemp("in-memory")
    twin = smaller(PROFILE, folder, name="twin")
    text = twin.read_text(encoding="utf-8")
    assert "/server.py" in text
    twin.write_text(re.sub(r"/server\.py.*", '/memory_server.py --port {port}"', text, count=1), encoding="utf-8")
    profiles = [f"--profile={profile}" for profile in (twin, smaller(THIRD_PARTY / "tasks.toml", folder))]
    return certify(folder / "report", *profiles, "--quick", *KILLS)


@pytest.mark.soak
@pytest.mark.parametrize("name", ["twin", "tasks"])
def test_jobs_that_live_in_memory_are_gone_after_a_restart(in_memory: Done, name: str) -> None:
    assert in_memory.code == 1, in_memory.out + in_memory.err
    scenarios = [s for s in in_memory.certificate["scenarios"] if s["profile"] == name]
    assert set().union(*(invariants(scenario) for scenario in scenarios)) == {"task.vanished"}
    by_scenario = {scenario["id"]: scenario["verdict"] for scenario in scenarios}
    assert by_scenario["undisturbed"] == by_scenario["client-killed"] == "PASS"
    assert by_scenario["server-killed-everywhere"] == "FAIL"
