"""Case 14: a worker in a session of its own, which outlives the server's own process, on purpose or not."""

from __future__ import annotations

from pathlib import Path

import pytest

from mcp_crashtest.model.verdict import Verdict
from tests.cases.playing import killed
from tests.lab import certify

FOLDER = Path(__file__).resolve().parent / "14-detached-worker"
ALL = ["a-look", "a-look-slow", "b-start-anew", "b-start-anew-slow"]


def case(name: str) -> Path:
    return FOLDER / f"{name}.toml"


@pytest.mark.cases  # in make test, subjects/test_members.py kills such servers
@pytest.mark.timeout(900)
def test_a_worker_that_outlives_the_kill_refutes_it_and_is_named_with_the_key(tmp_path: Path) -> None:
    judgement = killed(case("a-look"), tmp_path)
    assert judgement.verdict is Verdict.INVALID
    assert "the kill did not reach the whole server: " in judgement.unproven[0]
    assert "worker.py" in judgement.unproven[0]
    assert '[subject] kill = "all"' in judgement.unproven[0]


@pytest.mark.cases
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", ALL)
def test_it_is_never_green(tmp_path: Path, name: str) -> None:
    done = certify(tmp_path, "--profile", case(name), "--quick")
    assert done.code in (1, 4), done.out + done.err
    assert done.certificate["verdict"] != "PASS"
    # A worker that has ended soon after its server was told to stop is no fault of a planned restart: one star at most.
    assert done.certificate["level"] <= 1


@pytest.mark.cases
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", ["a2-look-kill-all", "b2-start-anew-kill-all"])
def test_where_everybody_is_killed_the_job_resumes(tmp_path: Path, name: str) -> None:
    judgement = killed(case(name), tmp_path)
    assert judgement.verdict is Verdict.PASS, judgement
    assert judgement.kills == 1
