"""Bundles: a folder that is not ours is never touched, and what was saved can be read again."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mcp_crashtest.files.bundle import Bundle, judged_like, saved_plan, saved_profile
from mcp_crashtest.files.run_folder import RunFolder
from mcp_crashtest.model.columns import Table
from mcp_crashtest.model.contract_spec import ContractKind, ContractSpec
from mcp_crashtest.model.coordinates import Batch, Phase
from mcp_crashtest.model.errors import UsageError
from mcp_crashtest.model.faults import Fault, Victim
from mcp_crashtest.model.observe_spec import ObserveSpec, RecordsSpec
from mcp_crashtest.model.operation import Op, Type
from mcp_crashtest.model.plan import Plan
from mcp_crashtest.model.profile import Profile
from mcp_crashtest.model.subject_spec import SubjectSpec
from mcp_crashtest.stage.recorder import Recorder
from tests.harness.checkers.histories import history

PROFILE = Profile(
    name="subject",
    subject=SubjectSpec(
        command="{python} server.py", url="http://127.0.0.1:{port}/mcp", crash_points=(Phase.BEFORE_WRITE,)
    ),
    contract=ContractSpec(ContractKind.RESUMABLE_TOOL, "work", {"n": "{total_records}", "list": [1, "{client_id}"]}),
    observe=ObserveSpec(records=RecordsSpec(key="$.id", items="$.records")),
)
PLAN = Plan("kills", "2026-07-28", (Fault("kill", Victim.BOTH, Batch(3, Phase.BEFORE_WRITE)),))
HEADER = history([]).header
RECORDS = Table.of([("a", "1"), ("b", "2")], width=2)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_new_folder_is_made_ours(tmp_path: Path) -> None:
    bundle = Bundle(tmp_path / "deep" / "report")
    assert not bundle.is_ours
    bundle.prepare("a").close()
    assert bundle.is_ours


def test_a_folder_with_strange_files_is_refused_and_left_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("three years of work")
    with pytest.raises(UsageError, match="not ours"):
        Bundle(tmp_path).prepare("a")
    assert names(tmp_path) == ["thesis.txt"]


def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "report").write_text("")
    with pytest.raises(UsageError, match="is a file"):
        Bundle(tmp_path / "report").prepare("a")


def begin(bundle: Bundle, number: int = 1) -> RunFolder:
    """A run that has begun, with a certificate over it."""
    folder = bundle.run(PROFILE, "kills", number)
    folder.open()
    folder.save_plan(PLAN)
    Recorder(HEADER, folder, lambda _: None).close()
    bundle.save_certificate({"format": 2})
    return folder


def test_a_new_session_puts_away_what_the_last_one_left_where_it_can_be_judged_again(tmp_path: Path) -> None:
    bundle = Bundle(tmp_path)
    with bundle.prepare("a"):
        begin(bundle).save_judgement({"verdict": "PASS"})
    with bundle.prepare("b"):
        assert bundle.runs() == []
        assert bundle.certificate() is None
    [earlier] = (tmp_path / "previous").iterdir()
    kept = Bundle(earlier).certificate()
    assert kept is not None
    assert kept["format"] == 2
    [(run, _, judgement)] = Bundle(earlier).judged_runs()
    assert (saved_plan(run.path), judgement) == (PLAN, {"verdict": "PASS"})


def test_a_command_without_workers_that_is_given_again_finds_nothing_of_its_last_run(tmp_path: Path) -> None:
    """What one check, or one replay of a plan, has left in its store would be the next one's."""
    bundle = Bundle(tmp_path)
    for _ in range(2):
        with bundle.prepare("check", shared=False):
            assert not (tmp_path / "runs").exists()
            (tmp_path / "runs" / "server" / "golden" / "state").mkdir(parents=True)
    assert len(list((tmp_path / "previous").iterdir())) == 1


def test_five_earlier_sessions_are_kept(tmp_path: Path) -> None:
    bundle = Bundle(tmp_path)
    for number in range(8):
        with bundle.prepare(f"session {number}"):
            bundle.save_certificate({"format": 2, "seed": number})
    kept = sorted((tmp_path / "previous").iterdir())
    assert [(Bundle(folder).certificate() or {})["seed"] for folder in kept] == [2, 3, 4, 5, 6]
    assert (bundle.certificate() or {})["seed"] == 7


def test_the_replay_line_of_an_earlier_session_still_leads_to_its_run(tmp_path: Path) -> None:
    bundle = Bundle(tmp_path)
    with bundle.prepare("a"):
        finding = {"profile": "subject", "replay": f"mcp-crashtest replay {begin(bundle).path}"}
        bundle.save_certificate({"format": 2, "findings": [finding], "scenarios": [{"findings": [finding]}]})
    with bundle.prepare("b"):
        pass
    [earlier] = (tmp_path / "previous").iterdir()
    certificate = Bundle(earlier).certificate() or {}
    for finding in (certificate["findings"][0], certificate["scenarios"][0]["findings"][0]):
        assert saved_plan(Path(finding["replay"].split()[-1])) == PLAN


def test_a_second_worker_of_the_same_session_puts_nothing_away(tmp_path: Path) -> None:
    with Bundle(tmp_path).prepare("a"):
        begun = begin(Bundle(tmp_path))
        with Bundle(tmp_path, "gw1").prepare("a"):
            assert [run.path for run in Bundle(tmp_path).runs()] == [begun.path]


@pytest.mark.parametrize(("session", "shared"), [("b", True), ("a", False)])
def test_a_second_session_is_refused_while_one_is_at_work(tmp_path: Path, session: str, shared: bool) -> None:
    with Bundle(tmp_path).prepare("a"):
        begun = begin(Bundle(tmp_path))
        with pytest.raises(UsageError, match="another session is at work"):
            Bundle(tmp_path).prepare(session, shared=shared)
        assert begun.has_begun
    Bundle(tmp_path).prepare(session, shared=shared).close()


def test_evidence_can_be_read_by_whoever_comes_next(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        bundle = Bundle(tmp_path / "report")
        with bundle.prepare("a"):
            begin(bundle).save_plan(PLAN)
            bundle.save_profile(PROFILE)
    finally:
        os.umask(before)
    for path in (tmp_path / "report").rglob("*"):
        assert path.stat().st_mode & 0o777 == (0o755 if path.is_dir() else 0o644), path


def test_workers_do_not_set_up_in_the_same_place_and_play_in_the_same_tree(tmp_path: Path) -> None:
    one, other = Bundle(tmp_path, "gw0"), Bundle(tmp_path, "gw1")
    assert one.setting_up(PROFILE, "golden").path != other.setting_up(PROFILE, "golden").path
    assert one.run(PROFILE, "kills", 1).path == other.run(PROFILE, "kills", 1).path


def test_each_attempt_of_a_plan_has_its_own_folder(tmp_path: Path) -> None:
    bundle = Bundle(tmp_path)
    assert len({bundle.run(PROFILE, "kills", 1, attempt).path for attempt in (1, 2, 3)}) == 3


def test_a_saved_profile_comes_back_with_the_same_digest(tmp_path: Path) -> None:
    bundle = Bundle(tmp_path)
    bundle.save_profile(PROFILE)
    assert saved_profile(bundle.run(PROFILE, "kills", 1)).digest == PROFILE.digest


def test_a_saved_plan_is_found_by_its_file_and_by_its_folder(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.save_plan(PLAN)
    [file] = tmp_path.iterdir()
    assert saved_plan(tmp_path) == saved_plan(file) == folder.plan() == PLAN


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": 99}', '{"format": 1}', '{"format": 2, "faults": 3}'])
def test_a_plan_that_cannot_be_read_is_a_usage_error(tmp_path: Path, text: str) -> None:
    file = tmp_path / "plan"
    file.write_text(text)
    with pytest.raises(UsageError):
        saved_plan(file)


def test_a_history_comes_back_with_its_tables_and_a_table_of_the_golden_run_is_kept_once(tmp_path: Path) -> None:
    bundle = Bundle(tmp_path)
    folders = [bundle.setting_up(PROFILE, "golden"), bundle.run(PROFILE, "kills", 1)]
    for folder in folders:
        folder.open()
        recorder = Recorder(HEADER, folder, lambda _: None)
        recorder.write("client-0", Type.OK, Op.OUTPUT, {"records": RECORDS, "count": 2}, life=1)
        written = recorder.close()
        assert list(folder.history().operations) == list(written.operations)
    inodes = {file.stat().st_ino for folder in folders for file in folder.path.glob(f"{RECORDS.digest}*")}
    assert len(inodes) == 1


def test_a_table_that_was_changed_is_noticed(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    recorder = Recorder(HEADER, folder, lambda _: None)
    recorder.write("client-0", Type.OK, Op.OUTPUT, {"records": RECORDS}, life=1)
    recorder.close()
    [file] = tmp_path.glob(f"{RECORDS.digest}*")
    file.write_text(file.read_text().replace('"a"', '"c"'))
    with pytest.raises(UsageError, match="the file was changed"):
        folder.history()
    file.unlink()
    with pytest.raises(UsageError, match="cannot be read"):
        folder.history()


def test_a_run_is_judged_again_only_if_it_was_judged(tmp_path: Path) -> None:
    bundle = Bundle(tmp_path)
    bundle.prepare("a").close()
    folder = begin(bundle)
    assert list(bundle.judged_runs()) == []
    folder.save_judgement({"verdict": "PASS"})
    [(found, read, judgement)] = bundle.judged_runs()
    assert (found.path, read.header, judgement) == (folder.path, HEADER, {"verdict": "PASS"})


def test_of_one_run_it_is_known_how_all_runs_of_its_plan_were_judged(tmp_path: Path) -> None:
    bundle = Bundle(tmp_path)
    other = Plan("kills", "2026-07-28", ())
    for number, (plan, verdict) in enumerate([(PLAN, "FAIL"), (other, "FAIL"), (PLAN, "PASS"), (PLAN, None)]):
        folder = begin(bundle, number)
        folder.save_plan(plan)
        if verdict:
            folder.save_judgement({"verdict": verdict})
    assert list(judged_like(bundle.run(PROFILE, "kills", 0))) == ["FAIL", "PASS"]


def test_a_folder_that_is_no_bundle_is_not_rechecked(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not a report directory"):
        list(Bundle(tmp_path).judged_runs())


def test_a_table_that_two_keep_at_once_is_whole_for_whoever_reads_it(tmp_path: Path) -> None:
    table = Table.of([(str(n), str(n)) for n in range(20_000)], width=2)
    with ThreadPoolExecutor(2) as two:
        for number in range(20):
            folder = RunFolder(tmp_path / str(number))
            folder.path.mkdir()
            keeping = [two.submit(folder.save_table, table) for _ in range(2)]
            while not names(folder.path) or names(folder.path)[-1].startswith("."):
                pass
            assert folder.table(table.digest) == table
            for kept in keeping:
                kept.result()
            assert len(names(folder.path)) == 1
