"""The pytest face: the same scenarios under plain pytest, alone and in worker processes, and silence elsewhere."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from mcp_crashtest.files.bundle import Bundle
from tests.lab import MUTANTS, ROOT, SMALL, certificate_in, environment, smaller

PYTEST = (sys.executable, "-m", "pytest")


def run_pytest(*arguments: object, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*PYTEST, *map(str, arguments)],
        cwd=cwd,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )


def test_the_canary_a_failing_scenario_fails_the_build(tmp_path: Path) -> None:
    done = run_pytest(
        "scenarios",
        f"--crashtest-profile={MUTANTS / 'last_batch_lost.toml'}",
        f"--crashtest-report={tmp_path / 'report'}",
        "--crashtest-scenario=server-killed-everywhere",
    )
    assert done.returncode == 1, done.stdout
    assert "FAIL: records.lost" in done.stdout
    assert "smallest failing plan: kill server at batch 1" in done.stdout
    assert "replay: mcp-crashtest replay" in done.stdout
    assert "Traceback" not in done.stdout
    certificate = certificate_in(tmp_path / "report")
    assert certificate["verdict"] == "FAIL"


QUICK = ("--crashtest-quick", "--crashtest-scenario=both-killed", "--crashtest-scenario=undisturbed")
REFERENCES = {"reference-durable", "reference-resumable"}


@pytest.mark.soak
def test_the_reference_server_passes_under_plain_pytest(tmp_path: Path) -> None:
    done = run_pytest("scenarios", *QUICK, f"--crashtest-report={tmp_path / 'report'}")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "4 passed" in done.stdout
    assert "mcp-crashtest" in done.stdout
    assert "confirmed faults" in done.stdout
    certificate = certificate_in(tmp_path / "report")
    assert certificate["verdict"] == "PASS"
    assert set(certificate["profile"].split(", ")) == REFERENCES
    assert (
        certificate["faults"]["kills"] == 2 * certificate["faults"]["confirmed"] >= 2 * 2 * 2
    )  # both sides, each time
    assert both_killed(certificate) == dict.fromkeys(REFERENCES, 3)
    assert certificate["selection"]["budget"] == "quick"
    assert certificate["finished"] is True


ALONE, WORKERS = pytest.param([], id="alone"), pytest.param(["-n", "2"], id="xdist")
ALONE_TOO = pytest.param([], id="alone", marks=pytest.mark.soak)
WORKERS_TOO = pytest.param(["-n", "2"], id="xdist", marks=pytest.mark.soak)


@pytest.mark.parametrize("workers", [ALONE, WORKERS_TOO])
def test_several_profiles_share_a_session_and_its_worker_processes(tmp_path: Path, workers: list[str]) -> None:
    profiles = [f"--crashtest-profile={profile}" for profile in two_of(tmp_path)]
    done = run_pytest("scenarios", *workers, *QUICK, *profiles, f"--crashtest-report={tmp_path / 'report'}")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "4 passed" in done.stdout
    assert "confirmed faults" in done.stdout
    certificate = certificate_in(tmp_path / "report")
    assert certificate["verdict"] == "PASS"
    assert set(certificate["profile"].split(", ")) == {"small", "smaller"}
    assert certificate["faults"]["kills"] == 2 * 2 * 3  # both sides, at three boundaries of two profiles
    assert both_killed(certificate) == {"small": 3, "smaller": 3}
    assert certificate["selection"]["budget"] == "quick"
    assert certificate["finished"] is True


def two_of(folder: Path) -> list[Path]:
    """One server, two profiles."""
    return [smaller(SMALL, folder, name=name) for name in ("small", "smaller")]


def both_killed(certificate: Mapping[str, Any]) -> dict[str, int]:
    """The runs of that scenario for each profile: fewer than it has plans."""
    scenarios = [s for s in certificate["scenarios"] if s["id"] == "both-killed"]
    assert all(s["plans"] > s["runs"] for s in scenarios)
    return {s["profile"]: s["runs"] for s in scenarios}


def test_a_level_leaves_the_scenarios_above_it_out(tmp_path: Path) -> None:
    done = run_pytest("scenarios", "--collect-only", "-q", "--crashtest-level=1", f"--crashtest-report={tmp_path}")
    assert done.returncode == 0, done.stdout
    assert "test_undisturbed" in done.stdout
    assert "test_server_killed_everywhere" not in done.stdout


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("--crashtest-level=9", "levels 1 to 3"),
        ("--crashtest-profile=nowhere.toml", "nowhere.toml cannot be read"),
        ("--crashtest-jobs=0", "from 1 to 64"),
        ("--crashtest-url=http://127.0.0.1:1/mcp", "needs a profile"),
    ],
)
def test_a_bad_option_is_a_usage_error(option: str, said: str) -> None:
    done = run_pytest("scenarios", option)
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert said in done.stderr


def test_it_is_silent_in_sessions_that_have_no_scenario(tmp_path: Path) -> None:
    (tmp_path / "test_other.py").write_text("def test_nothing():\n    pass\n")
    done = run_pytest("-q", cwd=tmp_path)
    assert done.returncode == 0
    assert "crashtest" not in done.stdout
    assert not (tmp_path / "crashtest-report").exists()


def test_a_session_that_has_no_scenario_does_not_import_the_laboratory(tmp_path: Path) -> None:
    (tmp_path / "test_other.py").write_text(
        "import sys\n\n\ndef test_light():\n    assert 'mcp_crashtest.laboratory.laboratory' not in sys.modules\n"
        "    assert 'rich' not in sys.modules\n    assert 'h11' not in sys.modules\n"
    )
    assert run_pytest("-q", "-p", "no:asyncio", cwd=tmp_path).returncode == 0


def test_a_users_own_scenario_gets_the_same_fixture(tmp_path: Path) -> None:
    (tmp_path / "test_mine.py").write_text(
        "import pytest\n"
        "from mcp_crashtest import Plan\n\n\n"
        "@pytest.mark.crashtest(level=1)\n"
        "def test_mine(crashtest):\n"
        '    """My own story."""\n'
        "    crashtest.play([Plan(crashtest.scenario, crashtest.protocols[0], ())])\n"
    )
    done = run_pytest("-q", f"--crashtest-profile={SMALL}", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    [run] = Bundle(tmp_path / "crashtest-report").runs("mine")
    assert run.has_begun


LISTENING = """
from mcp_crashtest.model.events import to_json
from mcp_crashtest.sessions.collector import LISTENERS
import json, pathlib

def pytest_configure(config):
    def listen(event):
        with pathlib.Path({folder!r}, "heard").open("a") as file:
            file.write(json.dumps(to_json(event)) + "\\n")
    config.stash[LISTENERS].append(listen)
"""


@pytest.mark.parametrize("workers", [ALONE_TOO, WORKERS])
def test_whoever_listens_hears_every_event_once_from_worker_processes_too(tmp_path: Path, workers: list[str]) -> None:
    (tmp_path / "listening.py").write_text(LISTENING.format(folder=str(tmp_path)))
    (tmp_path / "test_mine.py").write_text(
        "import pytest\n"
        "from mcp_crashtest import Plan\n\n\n"
        "@pytest.mark.crashtest(level=1)\n"
        "def test_mine(crashtest):\n"
        "    crashtest.play([Plan(crashtest.scenario, crashtest.protocols[0], ())] * 2)\n"
    )
    done = run_pytest("-q", "-p", "listening", *workers, f"--crashtest-profile={SMALL}", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    heard = [json.loads(line) for line in (tmp_path / "heard").read_text().splitlines()]
    told = [event["event"] for event in heard]
    assert ("estimated" in told) == (not workers)  # a worker does not know what the others play
    assert [kind for kind in told if kind != "estimated"] == [
        "setting-up",
        "trial-began",
        "runs-planned",
        "run-played",
        "run-played",
        "trial-ended",
        "session-ended",
    ]
    assert sorted(event["number"] for event in heard if event["event"] == "run-played") == [1, 2]
    assert heard[-1]["certificate"]["verdict"] == "PASS"
