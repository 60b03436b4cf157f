"""A second client on real servers: whoever does it right passes, and whoever cannot have one is told why."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mcp_crashtest.files.profile_files import read_profile
from mcp_crashtest.model.standing import EACH_CALL_A_JOB
from mcp_crashtest.planning.sequences import called_again
from tests.lab import MUTANTS, ROOT, SMALL, certify, lab, named

PROFILES = ROOT / "scenarios" / "profiles"
OPTIONS = "--listen-fd {listen_fd} --state-dir {state_dir} --effects-file {ledger}"
SECOND, TWO_BACK = "second-job", "two-clients-back"
BOTH = ("--scenario", SECOND, "--scenario", TWO_BACK)


@pytest.mark.parametrize("depth", [["--quick"], pytest.param([], marks=pytest.mark.soak)], ids=["quick", "default"])
@pytest.mark.parametrize("name", [pytest.param("server", marks=pytest.mark.soak), "one_at_a_time"])
def test_a_server_that_keeps_jobs_apart_passes_also_where_it_takes_one_at_a_time(
    tmp_path: Path, name: str, depth: list[str]
) -> None:
    command = f"{{python}} {SMALL.with_name(f'{name}.py')} {OPTIONS}"
    done = certify(tmp_path, "--profile", SMALL, "--command", command, *depth, *BOTH)
    assert done.code == 0, done.out + done.err
    assert {s["verdict"] for s in done.certificate["scenarios"]} == {"PASS"}
    assert [s["runs"] for s in done.certificate["scenarios"]] == ([4, 6] if depth else [10, 9])


@pytest.mark.parametrize(
    ("more", "verdict", "said"),
    [
        ([], "SKIP", "takes no second job behind the first, with nobody in the way: we do one job"),
        (["--forgets"], "FAIL", "was given to two jobs, in life 1 and in life 2"),
    ],
    ids=["refuses", "forgets whose it is"],
)
def test_a_server_of_one_job_may_refuse_another_and_may_not_give_it_to_somebody_else(
    tmp_path: Path, more: list[str], verdict: str, said: str
) -> None:
    command = " ".join([f"{{python}} {SMALL.with_name('one_in_its_life.py')} {OPTIONS}", *more])
    done = certify(tmp_path, "--profile", SMALL, "--command", command, "--scenario", SECOND)
    [second] = done.certificate["scenarios"]
    assert (second["verdict"], said in done.out + second["reason"]) == (verdict, True), done.out + done.err


def test_two_calls_for_one_job_wait_for_each_other_and_pass(tmp_path: Path) -> None:
    profile = MUTANTS / "late_return.toml"
    command = f"{{python}} {profile.with_name('call.py')} {OPTIONS}"
    done = certify(tmp_path, "--profile", profile, "--command", command, *BOTH)
    second, back = (named(done, scenario, "late_return") for scenario in (SECOND, TWO_BACK))
    assert back["verdict"] == "PASS", back["reason"]
    assert (second["verdict"], second["runs"]) == ("SKIP", 0)
    assert "this one is a single call" in second["reason"]


@pytest.mark.parametrize(
    ("command", "code", "said"),
    [(SMALL.with_name("each_call.py"), 4, EACH_CALL_A_JOB.text), (MUTANTS / "keys_in_memory.py", 1, "task.duplicated")],
    ids=["promises nothing", "promises, and forgets"],
)
def test_the_same_call_is_held_against_those_alone_who_have_shown_that_it_is_one_job_at_a_replay_too(
    tmp_path: Path, command: Path, code: int, said: str
) -> None:
    [plan] = called_again(TWO_BACK, ["2026-07-28"], read_profile(SMALL).workload, seed=0, count=1)
    (tmp_path / "again.json").write_text(json.dumps(plan.to_json()), encoding="utf-8")
    profile = tmp_path / "small.toml"
    text = SMALL.read_text(encoding="utf-8").replace("{here}/server.py", str(command))
    profile.write_text(text, encoding="utf-8")
    done = lab("replay", tmp_path / "again.json", "--profile", profile, "--report-dir", tmp_path / "report")
    assert (done.code, said in done.out) == (code, True), done.out + done.err


@pytest.mark.soak
def test_whose_job_writes_where_every_job_writes_has_no_second_one(tmp_path: Path) -> None:
    done = certify(tmp_path, "--profile", PROFILES / "reference-durable.toml", "--scenario", SECOND)
    [scenario] = done.certificate["scenarios"]
    assert scenario["verdict"] == "SKIP"
    assert scenario["reason"].startswith("the records of all jobs lie in one place")
