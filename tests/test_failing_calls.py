"""Calls that fail in real servers: whoever does not take them for done passes, in each of the ways in which he may."""

from __future__ import annotations

from pathlib import Path

import pytest

from mcp_crashtest.model.calls import Engine
from mcp_crashtest.model.coordinates import Syscall
from mcp_crashtest.model.errors import UsageError
from mcp_crashtest.model.faults import FAIL, Fault, Victim
from mcp_crashtest.model.operation import Op, Type
from mcp_crashtest.model.plan import Plan
from mcp_crashtest.model.verdict import Verdict
from tests.lab import MUTANTS, SMALL, certify, named
from tests.mutants.mutant import FAILING
from tests.test_every_call import played
from tests.test_two_servers import variant

WAL, LINES = "pwrite jobs.db-wal", "write *.jsonl"


def failing(name: str, number: int, way: str, times: int = 1, engine: Engine = Engine.PRELOAD) -> Plan:
    at = Syscall(name, number, fails=way, times=times)
    return Plan(FAILING, "2026-07-28", (Fault(FAIL, Victim.SERVER, at),), engine=engine)


def telling(folder: Path) -> Path:
    path = variant(folder, "careful")
    path.write_text(path.read_text(encoding="utf-8").replace("careful.py", "careful.py --tell"), encoding="utf-8")
    return path


def right(folder: Path) -> Path:
    """A server whose records are lines of a file, as it is before mutants change it."""
    text = (MUTANTS / "syncs_again.toml").read_text(encoding="utf-8")
    path = folder / "filed.toml"
    path.write_text(text.replace("{here}/syncs_again.py", str(MUTANTS / "filed.py")), encoding="utf-8")
    return path


def test_a_server_may_end_when_a_call_fails_and_is_started_again(tmp_path: Path) -> None:
    [outcome] = played(tmp_path / "report", variant(tmp_path, "careful"), failing(WAL, 9, "EIO"))
    assert outcome.verdict is Verdict.PASS, outcome.judgement
    history = outcome.folder.history()
    [fault] = history.of(Op.FAULT, types=[Type.OK])
    assert fault.value["reason"] == f"{WAL} came to EIO"
    assert fault.value["fault"] == f"fail server at call 9 of {WAL}, EIO"
    assert [event.value["how"] for event in history.of(Op.OUTAGE) if event.value["what"] == Op.EXIT] == ["exit code 1"]
    assert len(list(history.of(Op.BOOT))) == 2
    assert not list(history.of(Op.EXIT))


@pytest.mark.soak
def test_a_job_may_fail_when_a_call_fails_and_says_of_what(tmp_path: Path) -> None:
    [outcome] = played(tmp_path / "report", telling(tmp_path), failing(WAL, 30, "ENOSPC", 3))
    assert outcome.verdict is Verdict.PASS, outcome.judgement
    [output] = outcome.folder.history().of(Op.OUTPUT)
    assert (output.type, output.value["reason"]) == (Type.FAIL, "failed")
    assert "full" in output.value["error"]


@pytest.mark.soak
@pytest.mark.parametrize(
    ("name", "call", "way"), [("syncs_again", "fsync *.jsonl", "EIO"), ("short_for_whole", LINES, "short")]
)
def test_what_a_failing_call_has_not_done_is_lost_to_whoever_believes_it(
    tmp_path: Path, name: str, call: str, way: str
) -> None:
    profile = MUTANTS / f"{name}.toml"
    wrong, honest = failing(call, 2, way), failing(call, 2, way)
    [outcome] = played(tmp_path / "wrong", profile, wrong)
    assert {finding.invariant for finding in outcome.judgement.findings} == {"records.lost"}, outcome.judgement
    [outcome] = played(tmp_path / "honest", right(tmp_path), honest)
    assert outcome.verdict is Verdict.PASS, outcome.judgement


def test_the_watcher_has_calls_fail_too(tmp_path: Path) -> None:
    plan = failing(WAL, 9, "EIO", engine=Engine.WATCH)
    [outcome] = played(tmp_path / "report", variant(tmp_path, "careful"), plan)
    assert outcome.verdict is Verdict.PASS, outcome.judgement
    assert outcome.judgement.confirmed == 1
    assert len(list(outcome.folder.history().of(Op.BOOT))) == 2


@pytest.mark.soak
def test_a_call_that_never_comes_does_not_fail(tmp_path: Path) -> None:
    [outcome] = played(tmp_path / "report", SMALL, failing("rename nowhere", 1, "EIO"))
    assert outcome.verdict is Verdict.INVALID


def test_calls_fail_as_calls_do() -> None:
    with pytest.raises(UsageError, match="EIO, ENOSPC, EDQUOT, EINTR, short, not with 'EPERM'"):
        Syscall("call", 1, fails="EPERM")
    with pytest.raises(UsageError, match="once or more"):
        Syscall("call", 1, fails="EIO", times=0)
    plan = failing(WAL, 9, "EDQUOT", 3)
    assert Plan.from_json(plan.to_json()) == plan
    assert str(plan).endswith(f"call 9 of {WAL}, EDQUOT 3 times")


# --- whole sessions


@pytest.mark.soak
@pytest.mark.parametrize("which", [telling, right])
def test_a_server_that_does_it_right_passes_and_it_is_said_what_was_tried(tmp_path: Path, which: object) -> None:
    assert callable(which)
    profile = which(tmp_path)
    done = certify(tmp_path / "report", "--profile", profile, "--scenario", FAILING)
    assert done.code == 0, done.err
    scenario = named(done, FAILING, profile.stem)
    assert (scenario["verdict"], scenario["faults_confirmed"] >= 50) == ("PASS", True)
    assert " EIO, " in scenario["notes"][0]
