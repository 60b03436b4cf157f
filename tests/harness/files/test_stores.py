"""What a server has stored is read while it is at it, whatever lies beside it."""

from __future__ import annotations

import json
import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from mcp_crashtest.files.stores import stored_in
from mcp_crashtest.model.stored import StoredFile, StoredTable


def test_a_database_is_read_with_what_is_in_its_log_only(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "store")) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("CREATE TABLE items (id INTEGER PRIMARY KEY, n INT, what BLOB)")
        db.executemany("INSERT INTO items (n, what) VALUES (?, ?)", [(7, b"\0"), (8, None)])
        db.execute('CREATE TABLE "odd ""name" (job TEXT, n INT, PRIMARY KEY (job, n))')
        db.commit()
        found = stored_in(tmp_path, "{state_dir}")
    rows: list[dict[str, Any]] = [{"id": 1, "n": 7, "what": b"\0"}, {"id": 2, "n": 8, "what": None}]
    assert found == [
        StoredTable("{state_dir}/store", "items", rows, "id"),
        StoredTable("{state_dir}/store", 'odd "name', [], None),
    ]


def test_files_are_read_by_their_names_and_what_cannot_be_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a.jsonl").write_text('{"n": 1}\n{"n": 2}\n', encoding="utf-8")
    (tmp_path / "b.csv").write_text("n,m\n1,2\n", encoding="utf-8")
    (tmp_path / "c.json").write_text(json.dumps({"rows": []}), encoding="utf-8")
    (tmp_path / "server.log").write_text("n\n", encoding="utf-8")
    (tmp_path / "{port}.json").write_text("[1]", encoding="utf-8")
    (tmp_path / "torn.db").write_bytes(b"SQLite format 3\0 and nothing more")
    os.mkfifo(tmp_path / "pipe.json")
    (tmp_path / "link.json").symlink_to("/etc/hostname")
    assert stored_in(tmp_path, "{state_dir}") == [
        StoredFile("{state_dir}/b.csv", [{"n": "1", "m": "2"}]),
        StoredFile("{state_dir}/c.json", {"rows": []}),
        StoredFile("{state_dir}/out/a.jsonl", [{"n": 1}, {"n": 2}]),
    ]


def test_a_folder_that_is_not_there_holds_nothing(tmp_path: Path) -> None:
    assert stored_in(tmp_path / "nowhere", "{state_dir}") == []
