"""Bundles: a folder that is not ours is never touched, and what was saved can be read again."""

from __future__ import annotations

from pathlib import Path

import pytest

from mcp_crashtest.model.errors import UsageError
from mcp_crashtest.model.plan import Action, Coordinate, Fault, Phase, Plan, Victim
from mcp_crashtest.model.profile import ContractKind, ContractSpec, ObserveSpec, Profile, RecordsSpec, SubjectSpec
from mcp_crashtest.reporting import bundle

PROFILE = Profile(
    name="subject",
    subject=SubjectSpec(
        command="{python} server.py", url="http://127.0.0.1:{port}/mcp", crash_points=(Phase.BEFORE_WRITE,)
    ),
    contract=ContractSpec(ContractKind.RESUMABLE_TOOL, "work", {"n": "{total_records}", "list": [1, "{client_id}"]}),
    observe=ObserveSpec(records=RecordsSpec(key="$.id", items="$.records")),
)
PLAN = Plan("kills", "2026-07-28", (Fault(Action.KILL, Victim.BOTH, Coordinate(3, Phase.BEFORE_WRITE)),))


def test_a_new_folder_is_made_ours(tmp_path: Path) -> None:
    bundle.prepare(tmp_path / "deep" / "report", "a")
    assert (tmp_path / "deep" / "report" / bundle.MARKER).exists()


def test_a_folder_with_strange_files_is_refused_and_left_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("three years of work")
    with pytest.raises(UsageError, match="not ours"):
        bundle.prepare(tmp_path, "a")
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "report").write_text("")
    with pytest.raises(UsageError, match="is a file"):
        bundle.prepare(tmp_path / "report", "a")


def test_a_new_session_removes_what_the_last_one_left(tmp_path: Path) -> None:
    bundle.prepare(tmp_path, "a")
    (tmp_path / "runs").mkdir()
    (tmp_path / "certificate.json").write_text("{}")
    bundle.prepare(tmp_path, "b")
    assert [p.name for p in tmp_path.iterdir()] == [bundle.MARKER]


def test_a_second_worker_of_the_same_session_removes_nothing(tmp_path: Path) -> None:
    bundle.prepare(tmp_path, "a")
    (tmp_path / "runs").mkdir()
    bundle.prepare(tmp_path, "a")
    assert (tmp_path / "runs").is_dir()


def test_a_saved_profile_comes_back_with_the_same_digest(tmp_path: Path) -> None:
    bundle.save_profile(tmp_path, PROFILE)
    saved = bundle.saved_profile(tmp_path / "runs" / "subject" / "kills" / "0001")
    assert saved.digest == PROFILE.digest


def test_a_saved_plan_is_found_by_its_file_and_by_its_folder(tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_text(PLAN.to_text())
    assert bundle.saved_plan(tmp_path) == bundle.saved_plan(tmp_path / "plan.json") == PLAN


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": 99}', '{"format": 1}', '{"format": 1, "faults": 3}'])
def test_a_plan_that_cannot_be_read_is_a_usage_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "plan.json").write_text(text)
    with pytest.raises(UsageError):
        bundle.saved_plan(tmp_path)


def test_a_folder_that_is_no_bundle_is_not_rechecked(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not a report directory"):
        list(bundle.saved_runs(tmp_path))
