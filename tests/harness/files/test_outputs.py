"""Outputs in files of every kind; a database is read from a copy, with its log."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from mcp_crashtest.files.outputs import each_record, each_row, holds_lines, neighbours, read_document
from mcp_crashtest.model.errors import SubjectError


@pytest.mark.parametrize(
    ("text", "suffix", "found"),
    [
        ('{"n": 1}\n{"n": 2}\n', ".jsonl", [{"n": 1}, {"n": 2}]),
        ('{"n": 1}\r\n{"n": 2}', ".jsonl", [{"n": 1}, {"n": 2}]),
        ('{"n": "a\u2028b\x85c"}\n', ".jsonl", [{"n": "a\u2028b\x85c"}]),  # one line: JSON may hold them
        ('n\n"a\r\nb"\n', ".csv", [{"n": "a\r\nb"}]),
        ('{"n": 1}\n{"n"', ".jsonl", [{"n": 1}, {"torn": '{"n"'}]),
        ('{"rows": [{"n": 1}]}', ".json", {"rows": [{"n": 1}]}),
        ('[{"n": 1},\n {"n": 2}]', ".json", [{"n": 1}, {"n": 2}]),
        ('{"n": 1}\n{"n": 2}\n', ".json", [{"n": 1}, {"n": 2}]),  # lines, whatever the name says
        ('[{"n": 1},', ".json", [{"torn": '[{"n": 1},'}]),
        ("n,square\n1,1\n2,4\n", ".csv", [{"n": "1", "square": "1"}, {"n": "2", "square": "4"}]),
        ("n\tsquare\n1\t1\n", ".tsv", [{"n": "1", "square": "1"}]),
        ("n\n1,2,3\n", ".csv", [{"n": "1", "(beyond the header)": ["2", "3"]}]),
        ("", ".csv", []),
        ("", ".txt", []),
    ],
)
def test_what_a_file_holds(tmp_path: Path, text: str, suffix: str, found: Any) -> None:
    path = tmp_path / f"output{suffix}"
    path.write_text(text, encoding="utf-8", newline="")
    assert read_document(path) == found
    if holds_lines(path):
        assert list(each_record(path)) == found


def test_a_file_that_is_not_there_is_an_error_and_what_is_there_is_listed(tmp_path: Path) -> None:
    (tmp_path / "out.csv").write_text("n\n")
    with pytest.raises(SubjectError, match="its output cannot be read"):
        read_document(tmp_path / "job.csv")
    assert neighbours(tmp_path / "job.csv") == ["out.csv"]
    assert neighbours(tmp_path / "deep" / "er" / "job.csv") == ["out.csv"]


def test_a_database_is_read_with_what_stands_only_in_its_log_and_is_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "jobs.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode = wal")
        db.execute("PRAGMA wal_autocheckpoint = 0")
        db.execute("CREATE TABLE rows (job TEXT, n INT)")
        db.executemany("INSERT INTO rows VALUES (?, ?)", [("it's", 1), ("it's", 2), ("b", 3)])
        before = sorted(p.name for p in tmp_path.iterdir()), path.stat().st_mtime_ns
        rows = list(each_row(path, "SELECT n FROM rows WHERE job = ? ORDER BY n", ["it's"]))
        assert rows == [{"n": 1}, {"n": 2}]
        assert (sorted(p.name for p in tmp_path.iterdir()), path.stat().st_mtime_ns) == before


@pytest.mark.parametrize("query", ["SELECT nothing", "DROP"])
def test_a_query_that_fails_is_named(tmp_path: Path, query: str) -> None:
    sqlite3.connect(tmp_path / "jobs.db").close()
    with pytest.raises(SubjectError, match=query):
        list(each_row(tmp_path / "jobs.db", query))


def test_a_database_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(SubjectError, match="there is no database"):
        list(each_row(tmp_path / "jobs.db", "SELECT 1"))
    assert list(tmp_path.iterdir()) == []
