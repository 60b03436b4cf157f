"""Proof or INVALID: a kill that does not land proves nothing, and nothing that was started outlives the lab."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from mcp_crashtest.files.bundle import Bundle
from mcp_crashtest.model.operation import Op
from tests import evidence
from tests.lab import CLI, ROOT, SMALL, certify, environment, lab, named, smaller

KILLED = "server-killed-everywhere"
OPTIONS = "--listen-fd {listen_fd} --state-dir {state_dir} --effects-file {ledger}"
SERVER = f"{sys.executable} {SMALL.with_name('server.py')} {OPTIONS}"


def wait_until(true: Callable[[], bool], description: str, deadline_s: float = 30) -> None:
    deadline = time.monotonic() + deadline_s
    while not true():
        assert time.monotonic() < deadline, f"{description}: not within {deadline_s} s"
        time.sleep(0.02)


def test_a_server_that_its_launcher_sends_out_of_the_process_group_makes_the_run_invalid(tmp_path: Path) -> None:
    command = f"sh -c 'setsid {SERVER} & wait'"
    done = certify(tmp_path, "--profile", SMALL, "--command", command, "--scenario", KILLED, "--quick")
    scenario = named(done, KILLED, "small")
    assert done.code == 4
    assert scenario["verdict"] == "INVALID"
    assert scenario["faults_unconfirmed"] >= 1
    assert "is outside its process group, and was alive when the group was gone" in scenario["reason"]
    assert not alive_with(str(tmp_path))


def test_a_server_behind_a_plain_shell_is_killed_with_its_group(tmp_path: Path) -> None:
    profile = tmp_path / "behind_a_shell.toml"
    text = "\n".join(line for line in SMALL.read_text().splitlines() if not line.startswith("command"))
    text = text.replace("[subject]", f"[subject]\ncommand = \"sh -c '{SERVER}; true'\"")
    profile.write_text(text.replace("records = 50", "records = 10"))
    done = certify(tmp_path / "report", "--profile", profile, "--scenario", KILLED, "--quick")
    assert done.code == 0, done.out + done.err
    scenario = named(done, KILLED, "behind_a_shell")
    assert scenario["kills_confirmed"] == scenario["runs"] >= 3
    assert not alive_with(str(tmp_path))
    played = evidence.histories(tmp_path / "report")
    assert len(played) >= 3
    for history in played:
        assert evidence.kills_without_times(history) == []
        assert evidence.lives_without_an_end(history) == set()
        assert evidence.lives_that_were_never_ready(history) == set()
        [used] = {o.value["memory_bytes"] for o in history.of(Op.DEATH) if (o.life, o.value["of"]) == (1, "server")}
        assert used > 8 << 20  # that of the server, not of its shell
    assert any(map(evidence.has_stamps, played))  # the shortest may be over before a line of the ledger is seen
    assert not list(tmp_path.rglob("*.latest"))


@pytest.mark.soak
def test_a_job_that_is_over_before_the_fault_could_land_makes_the_run_invalid(tmp_path: Path) -> None:
    boastful = f"env -u CRASHTEST_POINTS {SERVER}"  # its profile claims crash points, and it has none
    profile = smaller(SMALL, tmp_path)
    done = certify(tmp_path / "report", "--profile", profile, "--command", boastful, "--scenario", KILLED, "--quick")
    assert done.code == 4, done.out + done.err
    assert "the run was over before this fault could land" in named(done, KILLED, "small")["reason"]


def test_a_server_that_ends_by_itself_before_the_kill_makes_the_run_invalid(tmp_path: Path) -> None:
    hasty = f"sh -c 'test -z \"$CRASHTEST_POINTS\" || exit 0; exec {SERVER}'"
    done = certify(tmp_path, "--profile", SMALL, "--command", hasty, "--scenario", KILLED, "--quick")
    assert done.code == 4, done.out + done.err
    assert "before this fault could land" in named(done, KILLED, "small")["reason"]


@pytest.mark.soak
def test_nothing_outlives_a_lab_that_is_killed(tmp_path: Path) -> None:
    started = subprocess.Popen(
        [*CLI, "certify", "--profile", str(SMALL), "--report-dir", str(tmp_path)],
        cwd=ROOT,
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        process = psutil.Process(started.pid)
        wait_until(lambda: len(Bundle(tmp_path).runs()) >= 5, "the lab plays plans", 90)
        family = process.children(recursive=True)
        assert len(family) >= 3
        started.kill()
        code = started.wait(timeout=60)
        _, left = psutil.wait_procs(family, timeout=20)
        assert left == []
        assert not alive_with(str(tmp_path))
        assert code == -signal.SIGKILL
    finally:
        if started.poll() is None:
            started.kill()
            started.wait()


def alive_with(text: str) -> list[str]:
    """The command lines of living processes that name a path; none are ours when nobody of a run is left."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        command = " ".join(process.info["cmdline"] or ())
        if text in command and "pytest" not in command:
            found.append(command)
    return found


def test_the_same_seed_gives_byte_identical_plans(tmp_path: Path) -> None:
    profile = smaller(SMALL, tmp_path)
    for report, seed in (("a", 7), ("b", 7)):
        chosen = ("--profile", profile, "--scenario", "random-kills", "--seed", seed, "--quick")
        done = certify(tmp_path / report, *chosen)
        assert done.code == 0, done.out + done.err
    a, b = (plans(tmp_path / report) for report in "ab")
    assert len(a) >= 3
    assert a == b


def plans(report: Path) -> dict[str, bytes]:
    return {str(run.path.relative_to(report)): run.plan_bytes for run in Bundle(report).runs("random-kills")}


def test_a_lab_that_is_asked_to_recheck_nothing_says_so(tmp_path: Path) -> None:
    done = lab("recheck", tmp_path)
    assert done.code == 2
    assert "not a report directory" in done.err
