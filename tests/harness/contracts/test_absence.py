"""A server that says in words of its own that it has not read a job yet, and ones that have lost it."""

from __future__ import annotations

from pathlib import Path

import pytest

from mcp_crashtest.contracts.absence import Absence, alike, nobodys
from mcp_crashtest.files.bundle import Bundle
from mcp_crashtest.files.profile_files import read_profile
from mcp_crashtest.laboratory.laboratory import Laboratory
from mcp_crashtest.model.coordinates import Batch
from mcp_crashtest.model.errors import SubjectError
from mcp_crashtest.model.faults import Fault, Victim
from mcp_crashtest.model.operation import Op, Type
from mcp_crashtest.model.plan import Plan
from mcp_crashtest.model.verdict import Verdict
from tests.lab import SMALL
from tests.test_every_call import played

PLAN = Plan("kill", "2026-07-28", (Fault("kill", Victim.SERVER, Batch(3, thousandths=500)),))


def reading(folder: Path, option: str = "") -> Path:
    """The small server's profile with the one that reads first."""
    command = f"{SMALL.with_name('reads_first.py')} {option}"
    path = folder / "reads-first.toml"
    path.write_text(SMALL.read_text(encoding="utf-8").replace("{here}/server.py", command), encoding="utf-8")
    return path


@pytest.mark.parametrize(("option", "words"), [("", "Geduld"), ("--breaks", "noch nicht gelesen")])
def test_who_says_in_words_of_its_own_that_it_is_not_ready_has_lost_nothing(
    tmp_path: Path, option: str, words: str
) -> None:
    outcomes = played(tmp_path / "report", reading(tmp_path, option), PLAN, PLAN)
    assert [outcome.verdict for outcome in outcomes] == [Verdict.PASS] * 2, outcomes[0].judgement
    for outcome in outcomes:
        [said] = [asked.value for asked in outcome.folder.history().of(Op.POLL) if "not_yet" in asked.value]
        assert words in said["not_yet"]
        assert "kennt niemand" in said["of_nobody"]


def test_who_says_meanwhile_that_there_is_no_such_job_has_lost_it(tmp_path: Path) -> None:
    [outcome] = played(tmp_path / "report", reading(tmp_path, "--denies"), PLAN)
    assert [finding.invariant for finding in outcome.judgement.findings] == ["task.vanished"]


def test_who_never_shows_it_again_has_lost_it(tmp_path: Path) -> None:
    with Laboratory(Bundle(tmp_path / "report"), seed=0, jobs=1) as laboratory:
        bench = laboratory.bench(read_profile(reading(tmp_path, "--forgets")))
        for number in (1, 2):
            [outcome] = laboratory.play(bench, "kill", [(number, PLAN)], lambda *_: None)
            assert [finding.invariant for finding in outcome.judgement.findings] == ["task.vanished"]
            assert len(list(outcome.folder.history().of(Op.STATUS, types=[Type.FAIL]))) == 1
        again = {folder.path.name for folder in laboratory.bundle.runs("kill")} - {"0001", "0002"}
        assert len(again) == 1, "it is given time once, and taken at its word from then on"


def test_who_takes_no_job_yet_and_says_so_in_words_of_its_own_is_asked_again(tmp_path: Path) -> None:
    """From the first start on: nobody is in its way, and it has broken nothing."""
    with Laboratory(Bundle(tmp_path / "report"), seed=0, jobs=1) as laboratory:
        bench = laboratory.bench(read_profile(reading(tmp_path, "--refuses")))
        assert bench.patient
        [outcome] = laboratory.play(bench, "kill", [(1, PLAN)], lambda *_: None)
    assert outcome.verdict is Verdict.PASS, outcome.judgement
    refused = [asked.value["error"] for asked in outcome.folder.history().of(Op.SUBMIT, types=[Type.FAIL])]
    assert len(refused) > 3
    assert all("Geduld" in error for error in refused)


def test_who_never_takes_a_job_cannot_do_it_undisturbed(tmp_path: Path) -> None:
    with (
        Laboratory(Bundle(tmp_path / "report"), seed=0, jobs=1) as laboratory,
        pytest.raises(SubjectError, match=r"cannot do its job undisturbed: .*Geduld"),
    ):
        laboratory.bench(read_profile(reading(tmp_path, "--refuses --forgets")))


def test_a_task_that_is_not_shown_is_waited_for_by_whoever_is_patient() -> None:
    assert not Absence(patient=False).may_pass("gone")
    absence = Absence(patient=True)
    assert absence.may_pass("being read")
    assert absence.may_pass("still being read")
    assert absence.over() == "being read"
    assert absence.said == ""


@pytest.mark.parametrize(
    "handle", ["hive-1", "7", "job://401d8f26fc9410d1492473d74b80aaf9/status", "aaaaaaaa", "zzzzzzzzz", "d", "🎈"]
)
def test_a_handle_of_nobody_has_the_shape_of_one_that_there_is(handle: str) -> None:
    other = nobodys(handle)
    assert other != handle
    assert other.partition("://")[0] == handle.partition("://")[0] or "://" not in handle
    assert alike(f"No such job: {handle}!", handle, f"no such job: {other}!")
    assert not alike(f"reading {handle}", handle, f"no such job: {other}!")


def test_numbers_in_what_is_said_make_no_difference() -> None:
    assert alike("no job hive-1 of 3", "hive-1", f"no job {nobodys('hive-1')} of 14")
