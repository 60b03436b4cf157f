"""The bug that began it all: fifty records that end as fifty-five, shown to a user as a user sees it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lab import MUTANTS, Done, lab

PROFILE = MUTANTS / "seed_resumable.toml"


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("seed") / "report"


@pytest.fixture(scope="module")
def certified(report: Path) -> Done:
    return lab("certify", "--profile", PROFILE, "--report-dir", report)


def test_it_ends_with_exit_code_1(certified: Done) -> None:
    assert certified.code == 1, certified.err


def test_it_names_the_invariant_the_smallest_plan_the_replay_and_the_advice(certified: Done, report: Path) -> None:
    shown = certified.out
    assert "records.duplicated" in shown
    assert "interrupt client at batch 1, observed" in shown
    assert f"replay: mcp-crashtest replay {report}/runs/seed_resumable/client-interrupted/0001\n" in shown
    assert "55 records" in shown


def test_the_replay_reproduces_it_at_least_seven_times_of_ten(certified: Done, report: Path, tmp_path: Path) -> None:
    run = report / "runs" / "seed_resumable" / "client-interrupted" / "0001"
    replayed = lab("replay", run, "--times", 10, "--report-dir", tmp_path / "replay")
    assert replayed.code == 1, replayed.err
    last = replayed.out.strip().splitlines()[-1]
    assert last.startswith("reproduced ")
    assert int(last.split()[1]) >= 7, replayed.out


def test_a_saved_bundle_is_judged_again_to_the_identical_verdict(certified: Done, report: Path) -> None:
    checked = lab("recheck", report)
    assert checked.code == 1
    assert "every judgement identical" in checked.out


def test_a_bundle_that_was_tampered_with_is_noticed(certified: Done, report: Path) -> None:
    history = report / "runs" / "seed_resumable" / "undisturbed" / "0001" / "history.jsonl"
    text = history.read_text()
    history.write_text(text.replace("record-000001", "record-000002"))
    try:
        checked = lab("recheck", report)
    finally:
        history.write_text(text)
    assert checked.code == 4
    assert "was changed" in checked.err
