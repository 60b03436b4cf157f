"""A table is read once and in order, whatever the batches; bad files get advice, and no file is written to."""

from __future__ import annotations

import json
import os
import sqlite3
import tempfile
import threading
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference_server.errors import Refusal
from reference_server.table_output import write_table
from reference_server.table_source import Table
from tests.reference_server.tables import DEADLINE_S, THREE, counted, life, made, texts, whole

SMALLEST, LARGEST = -(2**63), 2**63 - 1


@given(st.sets(st.integers(SMALLEST + 1, LARGEST) | st.integers(-3, 3), max_size=12), st.integers(1, 13))
def test_rows_of_any_rowid_are_read_once_and_in_order(rowids: set[int], batch: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = made(Path(folder) / "rows.db", "CREATE TABLE t (id INTEGER PRIMARY KEY)")
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.executemany("INSERT INTO t VALUES (?)", [(rowid,) for rowid in rowids])
        assert [record["id"] for record in whole(Table(path), batch)] == sorted(rowids)


def test_cursors_fit_the_integers_of_the_store(tmp_path: Path) -> None:
    path = made(
        tmp_path / "rows.db", "CREATE TABLE t (id INTEGER PRIMARY KEY)", f"INSERT INTO t VALUES ({SMALLEST + 1})"
    )
    assert Table(path).read(0, 1) == ([{"id": SMALLEST + 1}], SMALLEST)
    assert Table(path).read(SMALLEST, 1) == ([], SMALLEST)
    made(path, f"INSERT INTO t VALUES ({LARGEST})")
    assert Table(path).read(SMALLEST, 1) == ([{"id": LARGEST}], LARGEST)
    assert Table(path).read(LARGEST, 1) == ([], LARGEST)


def test_a_rowid_that_no_cursor_can_follow_is_refused(tmp_path: Path) -> None:
    path = made(tmp_path / "rows.db", "CREATE TABLE t (id INTEGER PRIMARY KEY)", f"INSERT INTO t VALUES ({SMALLEST})")
    with pytest.raises(Refusal, match="no 64-bit cursor"):
        Table(path).read(0, 1)


def test_records_are_counted(tmp_path: Path) -> None:
    write_table(tmp_path / "t.db", "t", texts(THREE * 700))
    assert counted(Table(tmp_path / "t.db"), 10_000) == 2100
    assert counted(Table(tmp_path / "t.db"), 1500) == 1500


def test_the_last_batch_of_a_long_table_costs_no_more_than_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = Table(tmp_path / "t.db")
    write_table(table.path, "t", (json.dumps({"id": n}) for n in range(20_000)))
    steps: list[int] = []

    class Counted(sqlite3.Connection):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            self.set_progress_handler(lambda: steps.append(1), 1)

    monkeypatch.setattr("reference_server.table_source.sqlite3.connect", partial(sqlite3.connect, factory=Counted))
    assert [record["id"] for record in table.read(0, 5)[0]] == [0, 1, 2, 3, 4]
    first = len(steps)
    assert [record["id"] for record in table.read(19_990, 5)[0]] == [19_990, 19_991, 19_992, 19_993, 19_994]
    assert 0 < len(steps) - first <= first < 1000


def test_only_what_other_programs_made_is_converted(tmp_path: Path) -> None:
    path = made(
        tmp_path / "kinds.db",
        "CREATE TABLE t (i INTEGER, r REAL, t TEXT, b BLOB, n, torn TEXT, twice AS (i * 2))",
        "INSERT INTO t VALUES (1, 1, 1, :blob, NULL, CAST(:torn AS TEXT))",
        blob=b"\0\xff",
        torn=b"\xffa",
    )
    record = {"i": 1, "r": 1.0, "t": "1", "b": {"base64": "AP8="}, "n": None, "torn": {"base64": "/2E="}, "twice": 2}
    assert texts(whole(Table(path))) == texts([record])


def test_of_several_tables_one_must_be_named(tmp_path: Path) -> None:
    path = made(tmp_path / "two.db", "CREATE TABLE a (x)", "CREATE TABLE b (x)", "INSERT INTO b VALUES (1)")
    assert whole(Table(path, "b")) == [{"x": 1}]
    with pytest.raises(Refusal, match=r"several tables, name one of them: \['a', 'b'\]"):
        Table(path).read(0, 1)
    with pytest.raises(Refusal, match=r"no table 'c': name one of \['a', 'b'\]"):
        Table(path, "c").read(0, 1)


def test_what_is_no_table_of_the_users_is_not_counted(tmp_path: Path) -> None:
    path = made(
        tmp_path / "one.db",
        "CREATE TABLE a (id INTEGER PRIMARY KEY AUTOINCREMENT)",
        "CREATE VIEW v AS SELECT * FROM a",
        "INSERT INTO a DEFAULT VALUES",
    )
    assert whole(Table(path)) == [{"id": 1}]
    for name in ("v", "sqlite_sequence"):
        with pytest.raises(Refusal, match="has no table"):
            Table(path, name).read(0, 1)


@pytest.mark.parametrize("columns", ["x, rowid", "x, ROWID, _rowid_"])
def test_a_column_may_be_called_like_the_rowid(tmp_path: Path, columns: str) -> None:
    path = made(tmp_path / "t.db", f"CREATE TABLE t ({columns})", "INSERT INTO t (x) VALUES (1), (2), (3)")
    assert [record["x"] for record in whole(Table(path))] == [1, 2, 3]


@pytest.mark.parametrize("definition", ["(a PRIMARY KEY) WITHOUT ROWID", "(rowid, _rowid_, oid)"])
def test_a_table_without_a_rowid_is_refused_with_the_way_out(tmp_path: Path, definition: str) -> None:
    path = made(tmp_path / "t.db", f"CREATE TABLE t {definition}")
    with pytest.raises(Refusal, match=r"no rowid .*CREATE TABLE copy AS SELECT \* FROM .t."):
        Table(path).read(0, 1)


def test_an_infinite_number_is_refused(tmp_path: Path) -> None:
    path = made(tmp_path / "t.db", "CREATE TABLE t (x)", "INSERT INTO t VALUES (-9e999)")
    with pytest.raises(Refusal, match="'x' is infinite"):
        Table(path).read(0, 1)


def test_a_value_that_is_too_long_is_refused(tmp_path: Path) -> None:
    path = made(tmp_path / "t.db", "CREATE TABLE t (x)", "INSERT INTO t VALUES (:x)", x="x" * ((1 << 20) + 1))
    with pytest.raises(Refusal, match="a value of more than 1048576 bytes"):
        Table(path).read(0, 1)


def torn_transaction(path: Path) -> None:
    """A program was killed in the middle of a transaction that had reached the file."""
    made(path, "CREATE TABLE t (x)")
    script = (
        "import os, sqlite3, sys; c = sqlite3.connect(sys.argv[1], isolation_level=None);"
        "c.execute('PRAGMA cache_size = 1'); c.execute('BEGIN');"
        "c.executemany('INSERT INTO t VALUES (?)', [('x' * 3000,)] * 500); os._exit(0)"
    )
    life(path, script)


def cut_off(path: Path) -> None:
    write_table(path, "t", texts(THREE * 999))
    os.truncate(path, 8192)


def renamed(path: Path, name: bytes) -> None:
    made(path, "CREATE TABLE somename (othername)")
    path.write_bytes(path.read_bytes().replace(name, b"\xff" * len(name)))


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda path: None, "cannot be opened"),
        (lambda path: path.write_bytes(b""), "has no tables"),
        (lambda path: path.write_bytes(b"id,text\n" * 999), "is not a SQLite database"),
        (cut_off, "is damaged"),
        (torn_transaction, "left in the middle of a transaction"),
        (lambda path: renamed(path, b"somename"), "not UTF-8"),
        (lambda path: renamed(path, b"othername"), "not UTF-8"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_with_advice(
    tmp_path: Path, make: Callable[[Path], object], says: str
) -> None:
    path = tmp_path / "file.db"
    make(path)
    with pytest.raises(Refusal, match=f"file.db.*{says}"):
        Table(path).read(0, 9999)


def test_a_file_that_another_program_locks_is_not_the_requests_trouble(tmp_path: Path) -> None:
    path = made(tmp_path / "t.db", "CREATE TABLE t (x)")
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            Table(path).read(0, 1)
        other.execute("ROLLBACK")
    assert Table(path).read(0, 1) == ([], 0)


@pytest.mark.parametrize("mode", ["delete", "truncate", "wal"])
def test_the_fingerprint_changes_with_the_content_and_not_by_reading(tmp_path: Path, mode: str) -> None:
    table = Table(made(tmp_path / "t.db", f"PRAGMA journal_mode = {mode}", "CREATE TABLE t (x)"))
    with closing(sqlite3.connect(table.path, isolation_level=None)) as other:
        seen = {table.fingerprint()}
        for change in ("INSERT INTO t VALUES (1)", "UPDATE t SET x = 2", "DELETE FROM t", "CREATE TABLE u (x)"):
            other.execute(change)
            before = table.fingerprint()
            Table(table.path, "t").read(0, 9)
            assert table.fingerprint() == before
            seen.add(before)
    assert len(seen) == 5


def test_reading_leaves_the_fingerprint_of_a_tidied_log_alone(tmp_path: Path) -> None:
    table = Table(
        made(tmp_path / "t.db", "PRAGMA journal_mode = wal", "CREATE TABLE t (x)", "INSERT INTO t VALUES (1)")
    )
    before = table.fingerprint()
    assert whole(table) == [{"x": 1}]
    assert table.fingerprint() == before


def test_the_fingerprint_of_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="cannot be used: No such file"):
        Table(tmp_path / "none.db").fingerprint()


def test_reading_writes_nothing_to_the_file(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    write_table(path, "t", texts(THREE))
    before = path.read_bytes(), path.stat().st_mtime_ns
    assert whole(Table(path)) == THREE
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before
    assert list(tmp_path.iterdir()) == [path]


WRITES_AT_ONCE = """
import sqlite3, sys
try:
    sqlite3.connect(sys.argv[1], timeout=0, isolation_level=None).execute("BEGIN EXCLUSIVE")
except sqlite3.OperationalError as error:
    print(error)
"""


def test_a_fingerprint_does_not_take_the_lock_of_a_batch_that_is_being_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = Table(made(tmp_path / "t.db", "CREATE TABLE t (x)", "INSERT INTO t VALUES ('a')"))
    another_task = threading.Thread(target=table.fingerprint)
    said: list[str] = []

    def in_the_middle_of_a_row(content: bytes) -> str:
        another_task.start()
        another_task.join(0.2)
        said.append(life(table.path, WRITES_AT_ONCE).strip())
        return content.decode()

    monkeypatch.setattr("reference_server.table_source._text", in_the_middle_of_a_row)
    assert table.read(0, 1) == ([{"x": "a"}], 1)
    another_task.join(DEADLINE_S)
    assert said == ["database is locked"]
    assert not another_task.is_alive()
