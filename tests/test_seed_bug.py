"""The bug that began it all: fifty records that end as fifty-five, shown to a user as a user sees it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mcp_crashtest.files.bundle import Bundle
from mcp_crashtest.model.operation import Op
from tests.lab import MUTANTS, Done, certificate_in, invariants, lab
from tests.mutants.zoo import MUTANTS as ZOO

NAME, SCENARIO = "seed_resumable", "client-interrupted"
PROFILE = MUTANTS / f"{NAME}.toml"


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("seed") / "report"


@pytest.fixture(scope="module")
def certified(report: Path) -> Done:
    both = ("--scenario", "undisturbed", "--scenario", SCENARIO)
    return lab("certify", "--profile", PROFILE, "--report-dir", report, *both)


def interrupted(report: Path) -> Path:
    """The run that shows it: the first plan of the scenario in which the client leaves."""
    return Bundle(report).runs(SCENARIO)[0].path


def test_it_ends_with_exit_code_1(certified: Done) -> None:
    assert certified.code == 1, certified.err


def test_it_is_accused_of_that_and_of_nothing_that_it_does_not_do(certified: Done, report: Path) -> None:
    [scenario] = (s for s in certificate_in(report)["scenarios"] if (s["id"], s["profile"]) == (SCENARIO, NAME))
    assert scenario["verdict"] == "FAIL", scenario["reason"]
    mutant = ZOO[NAME]
    assert mutant.invariant in invariants(scenario) <= {mutant.invariant, *mutant.also, "records.count"}
    assert all(len(finding["plan"]["faults"]) == 1 for finding in scenario["findings"])


def test_it_names_the_invariant_the_smallest_plan_the_replay_and_the_advice(certified: Done, report: Path) -> None:
    shown = certified.out
    assert "records.duplicated" in shown
    assert "interrupt client at batch 1, observed" in shown
    assert f"replay: mcp-crashtest replay {interrupted(report)}\n" in shown
    assert "5 records are in the output more than once" in shown


def test_its_page_tells_which_call_of_which_life_wrote_a_record_twice(certified: Done, report: Path) -> None:
    page = Bundle(report).page
    assert f"report: {page}\n" in certified.out
    text = page.read_text(encoding="utf-8")
    assert "50 records in, <em>55 out</em>" in " ".join(text.split())
    assert re.search(r"are in the output twice: written .{0,80}by call 1 of the client's first life", text)
    assert re.search(r"and again .{0,80}by call 2 of the client's second life", text)
    assert str(report.parent) not in text


@pytest.mark.soak
def test_the_replay_reproduces_it_at_least_seven_times_of_ten(certified: Done, report: Path, tmp_path: Path) -> None:
    replayed = lab("replay", interrupted(report), "--times", 10, "--report-dir", tmp_path / "replay")
    assert replayed.code == 1, replayed.err
    counted, mend = replayed.out.strip().splitlines()[-2:]
    assert counted.startswith("reproduced ")
    assert "(the session saw " in counted
    assert int(counted.split()[1]) >= 7, replayed.out
    assert mend.endswith("passing runs in a row show a mend at 95 %")


def test_a_saved_bundle_is_judged_again_to_the_identical_verdict(certified: Done, report: Path) -> None:
    checked = lab("recheck", report)
    assert checked.code == 1
    assert "every judgement identical" in checked.out


def test_a_bundle_that_was_tampered_with_is_noticed(certified: Done, report: Path) -> None:
    [run] = Bundle(report).runs("undisturbed")
    text = run.history_file.read_text()
    run.history_file.write_text(text.replace('"count":50', '"count":49'))
    try:
        checked = lab("recheck", report)
    finally:
        run.history_file.write_text(text)
    assert checked.code == 4
    assert f"changed: {run.history_file.relative_to(report)}" in checked.err


def test_a_table_that_was_tampered_with_is_noticed(certified: Done, report: Path) -> None:
    [run] = Bundle(report).runs("undisturbed")
    [output] = run.history().of(Op.OUTPUT)
    [file] = run.path.glob(f"{output.value['records'].digest}*")
    text = file.read_text()
    file.unlink()  # it may be the golden run's too
    file.write_text(text.replace("record-000001", "record-000002"))
    try:
        checked = lab("recheck", report)
    finally:
        file.write_text(text)
    assert checked.code == 4
    assert f"changed: {file.relative_to(report)}" in checked.err
