"""What a server writes beside its ``{state_dir}``, in the folder in which it runs, is seen."""

from __future__ import annotations

from pathlib import Path

from mcp_crashtest.files.footprints import changed, footprint


def test_what_was_written_is_named_and_what_is_no_store_is_not(tmp_path: Path) -> None:
    (tmp_path / "server.py").write_text("x", encoding="utf-8")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "old.jsonl").write_text("1\n", encoding="utf-8")
    report = tmp_path / "report"
    before = footprint(tmp_path, report)
    for folder in (".git", "__pycache__", "node_modules", "report"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "file").write_text("x", encoding="utf-8")
    assert changed(before, footprint(tmp_path, report)) == []
    (tmp_path / "data" / "old.jsonl").write_text("1\n2\n", encoding="utf-8")
    (tmp_path / "data" / "new.jsonl").write_text("1\n", encoding="utf-8")
    assert changed(before, footprint(tmp_path, report)) == ["data/new.jsonl", "data/old.jsonl"]


def test_a_folder_that_is_not_there_has_none(tmp_path: Path) -> None:
    assert footprint(tmp_path / "nowhere", tmp_path) == {}
