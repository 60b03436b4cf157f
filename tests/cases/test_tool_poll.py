"""A start tool that answers with an id, a status tool, and a tool for the records: what most long jobs look like."""

from __future__ import annotations

from pathlib import Path

import pytest

from mcp_crashtest.files.bundle import Bundle
from mcp_crashtest.files.profile_files import read_profile
from mcp_crashtest.laboratory.laboratory import Laboratory
from mcp_crashtest.model.errors import UsageError
from tests.cases.playing import killed
from tests.lab import certify, invariants, named

CASE = Path(__file__).resolve().parent / "01-tool-poll"
KILLS = ("--scenario", "server-killed-everywhere")
STATUS = 'status = { tool = "get_status", arguments = { job_id = "{handle}" } }'


def refused(profile: str, folder: Path) -> str:
    with Laboratory(Bundle(folder), seed=0, jobs=1) as laboratory, pytest.raises(UsageError) as caught:
        laboratory.bench(read_profile(CASE / f"{profile}.toml"))
    return str(caught.value)


def test_jobs_in_memory_vanish_when_they_are_asked_for_by_a_tool(tmp_path: Path) -> None:
    judgement = killed(CASE / "d-memory.toml", tmp_path)
    assert {finding.invariant for finding in judgement.findings} == {"task.vanished"}
    assert "unknown job_id" in judgement.findings[0].message


def test_a_status_tool_in_the_wrong_table_is_told_where_it_belongs(tmp_path: Path) -> None:
    said = refused("c-guess", tmp_path)
    assert "[observe] has no key 'status_tool'" in said
    assert f'in [contract], with kind = "tool-task": {STATUS}' in said


@pytest.mark.cases
@pytest.mark.timeout(900)
@pytest.mark.parametrize("profile", ["a-handle", "b-plain"])
def test_an_id_where_a_uri_was_wanted_is_told_the_contract_that_fits(tmp_path: Path, profile: str) -> None:
    said = refused(profile, tmp_path)
    assert "start_export answered with an id" in said
    assert f'  kind = "tool-task"\n  {STATUS}\n\n  [observe]\n  handle = "$.job_id"' in said
    assert "by their names: get_status)" in said


@pytest.mark.cases
@pytest.mark.timeout(900)
def test_a_wrong_profile_is_exit_code_2(tmp_path: Path) -> None:
    for profile in ("a-handle", "b-plain", "c-guess"):
        assert certify(tmp_path, "--profile", CASE / f"{profile}.toml", *KILLS).code == 2


@pytest.mark.cases
@pytest.mark.timeout(900)
def test_jobs_in_a_database_are_certified_and_those_in_memory_are_not(tmp_path: Path) -> None:
    done = certify(tmp_path / "db", "--profile", CASE / "e-db.toml")
    assert done.code == 0, done.out + done.err
    assert done.certificate["level"] == 2
    lost = certify(tmp_path / "memory", "--profile", CASE / "d-memory.toml", "--quick", *KILLS)
    assert lost.code == 1, lost.out + lost.err
    assert invariants(named(lost, KILLS[1], "d-memory")) == {"task.vanished"}
