"""Servers on stdio, each in a session of the lab: what does it right passes, what does not is caught and named."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from mcp_crashtest.files.bundle import Bundle
from mcp_crashtest.model.companions import Companion
from mcp_crashtest.model.coordinates import Moment, Since
from mcp_crashtest.model.faults import Fault, Victim
from mcp_crashtest.model.operation import Op, Type
from mcp_crashtest.model.plan import Plan, Size
from mcp_crashtest.model.verdict import Verdict
from tests.lab import ROOT, Done, certify, invariants, lab, named, smaller
from tests.test_every_call import played

STDIO = ROOT / "tests" / "stdio"
PROFILE = STDIO / "server.toml"
REFERENCE = ROOT / "scenarios" / "profiles" / "reference-stdio.toml"
HAZARDS = ("client-killed", "old-and-new-at-once")
NEVER = {"client-interrupted", "connection-dropped", "two-clients-back"}
TWO = {"frozen-and-replaced", "two-at-once"}  # of the third star


def variant(name: str, folder: Path) -> Path:
    """The profile of another server beside the one that does it right."""
    path = smaller(PROFILE, folder, records=60, name=name)
    text = path.read_text(encoding="utf-8") + "batch = 6\n"
    assert "/server.py" in text
    path.write_text(text.replace("/server.py", f"/{name}.py"), encoding="utf-8")
    return path


def session(folder: Path, names: Sequence[str], *options: str) -> Done:
    profiles = [f"--profile={variant(name, folder)}" for name in names]
    return certify(folder / "report", *profiles, *options)


@pytest.fixture(scope="module")
def hazards(tmp_path_factory: pytest.TempPathFactory) -> Done:
    """What only stdio has, for all of them at once: the host is gone, and its server is not yet."""
    folder = tmp_path_factory.mktemp("stdio")
    return session(folder, ("server", "works_on", "prints"), "--quick", *(f"--scenario={name}" for name in HAZARDS))


@pytest.fixture(scope="module")
def more_hazards(tmp_path_factory: pytest.TempPathFactory) -> Done:
    folder = tmp_path_factory.mktemp("stdio-more")
    return session(folder, ("drains", "memory_only"), "--quick", *(f"--scenario={name}" for name in HAZARDS))


@pytest.mark.soak
def test_who_drains_passes_beside_his_successor(more_hazards: Done) -> None:
    for scenario in HAZARDS:
        found = named(more_hazards, scenario, "drains")
        assert (found["verdict"], found["findings"]) == ("PASS", []), found["reason"]


@pytest.mark.parametrize("name", ["server", "prints"])
def test_who_winds_down_passes_beside_his_successor(hazards: Done, name: str) -> None:
    for scenario in HAZARDS:
        found = named(hazards, scenario, name)
        assert (found["verdict"], found["findings"]) == ("PASS", []), found["reason"]
        assert found["faults_confirmed"] >= 3


@pytest.mark.parametrize("scenario", HAZARDS)
def test_who_works_on_when_his_pipes_are_closed_does_it_twice(hazards: Done, scenario: str) -> None:
    assert "records.duplicated" in invariants(named(hazards, scenario, "works_on"))


@pytest.mark.soak
@pytest.mark.parametrize("scenario", HAZARDS)
def test_whose_jobs_are_in_memory_has_none_for_the_next_host(more_hazards: Done, scenario: str) -> None:
    assert invariants(named(more_hazards, scenario, "memory_only")) == {"task.vanished"}


def test_lines_that_are_no_messages_are_counted_and_named_and_take_nothing(hazards: Done) -> None:
    [remark] = hazards.certificate["remarks"]
    assert (remark["profile"], remark["invariant"]) == ("prints", "wire.invalid")
    assert re.match(r"standard output had \d+ lines in 6 runs that are no message: 'stored 6 of 60'", remark["message"])
    assert "standard error" in remark["advice"]


def test_what_makes_no_sense_on_stdio_is_not_applicable_and_says_why() -> None:
    listed = lab("list", "--profile", PROFILE)
    assert listed.code == 0, listed.err
    said = {line.split()[1]: line for line in listed.out.splitlines() if line.startswith("*")}
    assert {name for name, line in said.items() if "not applicable: over stdio" in line} == NEVER | TWO


@pytest.mark.soak
def test_it_earns_two_stars_and_what_is_not_applicable_caps_nothing(tmp_path: Path) -> None:
    done = session(tmp_path, ["server"])
    assert done.code == 0, done.out + done.err
    certificate = done.certificate
    assert (certificate["verdict"], certificate["level"], certificate["remarks"]) == ("PASS", 2, [])
    assert set(re.findall(r"\* ([a-z-]+)", " ".join(certificate["not_applicable"]))) == NEVER
    restarts = [run.plan().faults[0].kind for run in Bundle(tmp_path / "report").runs("planned-restart")]
    assert set(restarts) == {"goodbye", "terminate"}


@pytest.mark.soak
def test_the_reference_server_passes_on_stdio(tmp_path: Path) -> None:
    done = certify(tmp_path / "report", "--profile", REFERENCE, "--quick")
    assert done.code == 0, done.out + done.err
    assert done.certificate["verdict"] == "PASS"


@pytest.mark.soak
def test_a_server_of_the_plain_sdk_passes_on_stdio(tmp_path: Path) -> None:
    profile = variant("sdk_server", tmp_path)
    text = profile.read_text(encoding="utf-8")
    profile.write_text(re.sub("^preload = .*$", 'preload = ["mcp.server.mcpserver"]', text, flags=re.MULTILINE))
    done = certify(tmp_path / "report", "--profile", profile, "--quick")
    assert done.code == 0, done.out + done.err
    assert done.certificate["verdict"] == "PASS"


@pytest.mark.parametrize("scenario", ["second-job", pytest.param("many-at-once", marks=pytest.mark.soak)])
def test_jobs_beside_the_first_are_followed_from_one_life_to_the_next(tmp_path: Path, scenario: str) -> None:
    done = certify(tmp_path / "report", "--profile", PROFILE, "--scenario", scenario)
    assert done.code == 0, done.out + done.err
    [found] = done.certificate["scenarios"]
    assert (found["verdict"], found["findings"]) == ("PASS", [])
    assert found["kills_confirmed"] >= found["runs"] - 1


def test_who_holds_the_pipes_is_given_those_of_the_next_life_also_where_only_another_has_a_job(tmp_path: Path) -> None:
    """The first job is one batch, and long over when the server dies in the middle of the second."""
    fault = Fault("kill", Victim.SERVER, Moment(6000, Since.FIRST_WORD))
    plan = Plan("second-job", "2025-11-25", (fault,), companion=Companion.JOB_BESIDE)
    plan = replace(plan, workload=Size(10, 10), second=Size(600, 10))
    [outcome] = played(tmp_path / "report", PROFILE, plan)
    assert outcome.verdict is Verdict.PASS, outcome.judgement
    history = outcome.folder.history()
    [killed] = history.of(Op.FAULT, types=[Type.OK])
    first = next(history.of(Op.OUTPUT))
    assert first.process == "client-0"
    assert first.t < killed.t
