"""A build that gates on the lab: reports are written as a session ends, and a baseline decides as it says."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from mcp_crashtest.commands.exit_codes import ExitCode
from mcp_crashtest.files.baselines import read_baseline
from tests.lab import MUTANTS, SMALL, certificate_in, certify, lab, smaller
from tests.test_plugin import run_pytest

SCENARIO = "server-killed-everywhere"


def losing(folder: Path) -> Path:
    """A server that loses its last batch."""
    return smaller(MUTANTS / "last_batch_lost.toml", folder)


def outcome_of(file: Path, name: str) -> ElementTree.Element:
    case = ElementTree.parse(file).getroot().find(f".//testcase[@name='{name}']")
    assert case is not None
    return case


def test_a_violation_fails_until_it_is_expected_and_earns_nothing_then(tmp_path: Path) -> None:
    report, known, file = tmp_path / "report", tmp_path / "known.toml", tmp_path / "out" / "junit.xml"
    chosen = ("--profile", losing(tmp_path), "--scenario", SCENARIO, "--quick", "--junit", file)
    failed = certify(report, *chosen, "--sarif", tmp_path / "found.sarif")
    assert failed.code == ExitCode.VIOLATED, failed.err
    failure = outcome_of(file, SCENARIO).find("failure")
    assert failure is not None
    assert "records.lost" in str(failure.get("type"))
    assert json.loads((tmp_path / "found.sarif").read_text())["runs"][0]["results"]
    assert "fails, " in (report / "badge.svg").read_text()

    assert lab("baseline", "update", report, "--baseline", known, "--reason", "issue 12").code == 0
    assert {entry.scenario for entry in read_baseline(known).entries} == {SCENARIO}
    expected = certify(report, *chosen, "--baseline", known)
    assert expected.code == ExitCode.CERTIFIED, expected.err
    assert (expected.certificate["verdict"], expected.certificate["level"]) == ("FAIL", 0)
    skipped = outcome_of(file, SCENARIO).find("skipped")
    assert skipped is not None
    assert skipped.get("message") == "expected by the baseline: issue 12"


def test_a_report_that_cannot_be_written_is_no_success(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    chosen = ("--profile", smaller(SMALL, tmp_path), "--scenario", "undisturbed")
    done = certify(tmp_path / "report", *chosen, "--junit", tmp_path / "file" / "junit.xml")
    assert done.code == ExitCode.NOT_PROVEN, done.out + done.err
    assert "the report --junit" in done.err


@pytest.mark.parametrize(
    ("option", "said"),
    [
        (["--junit", "."], "--junit .: that is a folder; give a file"),
        (["--sarif", "."], "--sarif .: that is a folder; give a file"),
        (["--baseline", "nowhere.toml"], "there is no baseline nowhere.toml: mcp-crashtest baseline update"),
    ],
)
def test_a_file_that_cannot_be_is_refused_before_anything_is_played(
    tmp_path: Path, option: list[str], said: str
) -> None:
    done = lab("certify", "--profile", SMALL, "--report-dir", tmp_path / "report", *option)
    assert done.code == ExitCode.USAGE
    assert said in done.out + done.err
    assert not (tmp_path / "report").exists()


def test_an_earlier_sessions_report_does_not_stay_where_one_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "junit.xml"
    file.write_text("<passed/>")
    done = lab("certify", "--profile", "nowhere.toml", "--report-dir", tmp_path / "report", "--junit", file)
    assert done.code == ExitCode.USAGE
    assert not file.exists()


@pytest.mark.soak
@pytest.mark.parametrize("workers", [[], ["-n", "2"]], ids=["alone", "xdist"])
def test_under_pytest_what_is_expected_is_an_expected_failure_and_its_own_xml_has_the_figures(
    tmp_path: Path, workers: list[str]
) -> None:
    report, known, file = tmp_path / "report", tmp_path / "known.toml", tmp_path / "own.xml"
    chosen = [f"--crashtest-profile={losing(tmp_path)}", "--crashtest-quick", f"--crashtest-report={report}", *workers]
    only = f"--crashtest-scenario={SCENARIO}"
    assert run_pytest("scenarios", *chosen, only).returncode == 1
    assert lab("baseline", "update", report, "--baseline", known, "--reason", "issue 12").code == 0
    written = (f"--crashtest-baseline={known}", f"--junitxml={file}", f"--crashtest-junit={tmp_path / 'ours.xml'}")
    done = run_pytest("scenarios", *chosen, only, *written)
    assert done.returncode == 0, done.stdout
    assert "1 xfailed" in done.stdout
    assert "baseline: expected since" in done.stdout
    said = {one.get("name"): one.get("value") for one in ElementTree.parse(file).getroot().iter("property")}
    assert said["level"] == "2"
    assert int(str(said["faults"])) >= 1
    assert outcome_of(tmp_path / "ours.xml", SCENARIO).find("skipped") is not None
    assert certificate_in(report)["baseline"]["unexpected"] == []


@pytest.mark.soak
def test_a_stale_entry_fails_a_build_under_pytest_too(tmp_path: Path) -> None:
    known = tmp_path / "known.toml"
    known.write_text(
        'format = 1\n[[expected]]\nprofile = "small"\nscenario = "undisturbed"\ninvariant = "records.lost"\n'
        'reason = "issue 12"\ndate = 2026-11-01\n'
    )
    chosen = (f"--crashtest-profile={smaller(SMALL, tmp_path)}", "--crashtest-scenario=undisturbed")
    done = run_pytest(
        "scenarios", *chosen, f"--crashtest-report={tmp_path / 'report'}", f"--crashtest-baseline={known}"
    )
    assert done.returncode == 1, done.stdout
    assert "baseline: stale: small: records.lost in undisturbed" in done.stdout
