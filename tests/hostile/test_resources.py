"""Full disks, few descriptors, endless logs: where the lab has no room it says so, and nobody else is to blame."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

import pytest

from mcp_crashtest.files.bundle import Bundle
from mcp_crashtest.files.run_folder import LONGEST_LOG_BYTES
from tests.lab import CLI, ROOT, SMALL, certify, environment, smaller

KILLED = ("--scenario", "server-killed-everywhere", "--quick")
DEADLINE_S = 120


def started(*arguments: object, descriptors: int) -> subprocess.CompletedProcess[str]:
    """The lab, where no more files may be open."""
    return subprocess.run(
        [*CLI, "certify", *map(str, arguments)],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, descriptors)),
    )


@pytest.mark.parametrize("disk", [5 << 20], indirect=True)
def test_a_disk_that_becomes_full_is_the_labs_failure_and_ends_the_session(disk: Path, tmp_path: Path) -> None:
    profile = smaller(SMALL, tmp_path)
    done = certify(disk / "report", "--profile", profile, "--level", 2)
    assert done.code == 4, done.out + done.err
    scenarios = done.certificate["scenarios"]
    assert not any(scenario["findings"] for scenario in scenarios)
    [failed] = [scenario for scenario in scenarios if scenario["verdict"] == "INVALID"]
    assert "there is no room for the evidence in" in failed["reason"]
    behind = scenarios[scenarios.index(failed) + 1 :]
    assert {scenario["verdict"] for scenario in behind} <= {"SKIP"}


@pytest.mark.parametrize("disk", [1 << 20], indirect=True)
def test_a_disk_that_is_full_is_refused_beforehand(disk: Path) -> None:
    done = certify(disk / "report", "--profile", SMALL)
    assert done.code == 2, done.out + done.err
    assert "give another --report-dir" in done.out + done.err


def test_where_few_files_may_be_open_the_lab_says_what_it_needs(tmp_path: Path) -> None:
    done = started("--report-dir", tmp_path / "report", "--profile", SMALL, *KILLED, descriptors=64)
    assert done.returncode == 2, done.stdout + done.stderr
    assert "ulimit -n 1024" in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


LOUD = f"""
import sys
import threading

sys.path.insert(0, {str(ROOT)!r})
from tests.small import server

def shout():
    for _ in range(60_000):
        sys.stderr.write("x" * 1000 + "\\n")

threading.Thread(target=shout, daemon=True).start()
server.main()
"""


@pytest.mark.soak
def test_a_server_that_never_stops_talking_fills_no_disk(tmp_path: Path) -> None:
    """Sixty megabytes a life, at least twenty lives."""
    (tmp_path / "loud.py").write_text(LOUD)
    command = f"{sys.executable} {tmp_path / 'loud.py'} --listen-fd {{listen_fd}} --state-dir {{state_dir}}"
    profile = smaller(SMALL, tmp_path)
    command = f"{command} --effects-file {{ledger}}"
    done = certify(tmp_path / "report", "--profile", profile, "--command", command, *KILLED)
    assert done.code == 0, done.out + done.err
    logs = [log for run in Bundle(tmp_path / "report").runs() for log in run.path.glob("*.log")]
    assert len(logs) >= 20
    assert max(log.stat().st_size for log in logs) <= LONGEST_LOG_BYTES
    assert any(b"[the lab has cut " in log.read_bytes() for log in logs)
