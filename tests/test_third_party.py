"""A server that is not ours: certified by command and by URL, and its twin with tasks in memory caught."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mcp_crashtest.subjects.sockets import find_free_port
from tests.lab import SMALL, THIRD_PARTY, certify, environment, invariants, smaller

PROFILE = THIRD_PARTY / "crashtest.toml"
KILLS = tuple(
    f"--scenario={name}" for name in ("undisturbed", "client-killed", "server-killed-everywhere", "both-killed")
)
RANDOM = ("--scenario=planned-restart", "--scenario=random-kills")


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


@pytest.mark.parametrize("profile", [SMALL, pytest.param(PROFILE, marks=pytest.mark.soak)], ids=["small", "somebody's"])
def test_it_is_certified_by_command(tmp_path: Path, profile: Path) -> None:
    done = certify(tmp_path / "report", "--profile", smaller(profile, tmp_path), "--quick")
    assert done.code == 0, done.out + done.err
    assert done.certificate["verdict"] == "PASS"
    assert done.certificate["level"] == 1
    assert done.certificate["faults"]["kills"] > 10


def test_it_resumes_exactly_wherever_it_is_killed(tmp_path: Path) -> None:
    done = certify(tmp_path / "report", "--profile", smaller(PROFILE, tmp_path), "--quick", *KILLS, *RANDOM)
    assert done.code == 0, done.out + done.err
    assert {s["verdict"] for s in done.certificate["scenarios"]} == {"PASS"}
    assert done.certificate["faults"]["kills"] > 10


@pytest.mark.parametrize("chosen", [KILLS, pytest.param((), marks=pytest.mark.soak)], ids=["killed", "every scenario"])
def test_a_server_whose_job_is_followed_with_a_tool_is_certified(tmp_path: Path, chosen: tuple[str, ...]) -> None:
    done = certify(tmp_path / "report", "--profile", smaller(THIRD_PARTY / "tool.toml", tmp_path), "--quick", *chosen)
    assert done.code == 0, done.out + done.err
    assert done.certificate["verdict"] == "PASS"
    assert chosen or done.certificate["level"] == 1
    assert done.certificate["subject"]["tool"]["contract"] == "tool-task"


def test_by_url_what_can_be_assessed_is_and_what_caps_the_level_is_named(tmp_path: Path, running: str) -> None:
    done = certify(tmp_path / "report", "--profile", smaller(PROFILE, tmp_path, 50), "--url", running, "--quick")
    assert done.code == 0, done.out + done.err
    assert done.certificate["verdict"] == "PASS"
    assert done.certificate["level"] == 0
    assert done.certificate["faults"]["confirmed"] >= 8
    assert any("no right to kill the server" in cap for cap in done.certificate["caps"])


def test_the_twin_that_keeps_its_jobs_in_memory_loses_them(tmp_path: Path) -> None:
    command = f"python {THIRD_PARTY}/memory_server.py --port {{port}}"
    chosen = ("--profile", smaller(PROFILE, tmp_path), "--command", command, "--scenario", "server-killed-everywhere")
    done = certify(tmp_path / "report", *chosen)
    assert done.code == 1, done.out + done.err
    assert invariants(done.certificate["scenarios"][0]) == {"task.vanished"}


def test_fastmcps_own_tasks_are_gone_after_a_restart_as_they_live_in_memory(tmp_path: Path) -> None:
    profile = smaller(THIRD_PARTY / "tasks.toml", tmp_path)
    done = certify(tmp_path / "report", "--profile", profile, "--quick", *KILLS)
    assert done.code == 1, done.out + done.err
    scenarios = done.certificate["scenarios"]
    assert set().union(*(invariants(scenario) for scenario in scenarios)) == {"task.vanished"}
    by_scenario = {scenario["id"]: scenario["verdict"] for scenario in scenarios}
    assert by_scenario["undisturbed"] == by_scenario["client-killed"] == "PASS"
    assert by_scenario["server-killed-everywhere"] == "FAIL"
