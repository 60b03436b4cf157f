"""Tables come out as they went in, whatever the batches; equal records give equal files; bad files get advice."""

from __future__ import annotations

import base64
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference_server.datasets import count_up_to
from reference_server.errors import Refusal
from reference_server.sources import Source
from reference_server.tables import Table, write_table
from tests.lab import ROOT, environment

DEADLINE_S = 60
MOST_BATCHES = 100
SMALLEST, LARGEST = -(2**63), 2**63 - 1
THREE = [{"id": n, "text": f"Größe {n}"} for n in range(3)]


def made(path: Path, *statements: str, **parameters: Any) -> Path:
    """A SQLite file that somebody else wrote."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement, parameters)
    return path


def texts(records: list[dict[str, Any]]) -> list[str]:
    return [json.dumps(record) for record in records]


def whole(source: Source, batch: int = 2) -> list[dict[str, Any]]:
    """All records, each batch read by a life of its own that knows the cursor alone."""
    records: list[dict[str, Any]] = []
    cursor = 0
    for _ in range(MOST_BATCHES):
        read, cursor = source.read(cursor, batch)
        assert len(read) <= batch
        if not read:
            return records
        records += read
    raise AssertionError(f"the source has no end: {records[-3:]}")


VALUES = st.one_of(
    st.none(),
    st.integers(SMALLEST, LARGEST),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(),
    st.binary().map(lambda content: {"base64": base64.b64encode(content).decode()}),
)
NAMES = st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=8)


@st.composite
def tables(draw: st.DrawFn) -> list[dict[str, Any]]:
    fields = draw(st.lists(NAMES, min_size=1, max_size=5, unique_by=lambda name: name.lower()))
    rows = draw(st.lists(st.tuples(*[VALUES] * len(fields)), min_size=1, max_size=12))
    return [dict(zip(fields, row, strict=True)) for row in rows]


@given(tables(), NAMES.filter(lambda name: name and not name.lower().startswith("sqlite_")), st.integers(1, 13))
def test_what_is_written_is_read_in_batches_of_any_size(records: list[dict[str, Any]], table: str, batch: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a %3f#?.db"
        write_table(path, table, texts(records))
        read = whole(Table(path, table), batch)
        assert texts(read) == texts(records), "JSON texts, because 1, 1.0 and True are equal to Python"
        assert list(Path(folder).iterdir()) == [path]


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
    assert count_up_to(Table(tmp_path / "t.db"), 10_000) == 2100
    assert count_up_to(Table(tmp_path / "t.db"), 1500) == 1500


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

    monkeypatch.setattr("reference_server.tables.sqlite3.connect", partial(sqlite3.connect, factory=Counted))
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


def test_what_json_has_and_sqlite_has_not_becomes_numbers_and_texts(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    record = {"yes": True, "list": [1, "ä"], "object": {"a": None}, "alike": {"base64": "AP8"}, "more": {"base64": 1}}
    write_table(path, "t", texts([record]))
    assert whole(Table(path)) == [
        {
            "yes": 1,
            "list": '[1, "\\u00e4"]',
            "object": '{"a": null}',
            "alike": '{"base64": "AP8"}',
            "more": '{"base64": 1}',
        }
    ]


def test_fields_may_change_places_and_come_out_as_in_the_first_record(tmp_path: Path) -> None:
    write_table(tmp_path / "t.db", "t", ['{"a": 1, "b": 2}', '{"b": 4, "a": 3}'])
    assert texts(whole(Table(tmp_path / "t.db"))) == ['{"a": 1, "b": 2}', '{"a": 3, "b": 4}']


# A writer of its own: 30,000 records of many lengths, some of which need pages of their own.
WRITER = """
import json, sys
from pathlib import Path
from reference_server.tables import write_table
bodies = (json.dumps({"id": n, "text": "x" * (n * 7919 % 97 + (n % 1000 == 0) * 9000)}) for n in range(30_000))
write_table(Path(sys.argv[1]), "t", bodies)
"""


def written(path: Path, script: str = WRITER, **changes: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", script, str(path)],
        env={**environment(), **changes},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=True,
    ).stdout


def test_equal_records_give_equal_bytes_in_any_process_and_over_any_older_file(tmp_path: Path) -> None:
    first, second = tmp_path / "first.db", tmp_path / "second.db"
    written(first, PYTHONHASHSEED="1")
    second.write_bytes(b"half a file of a life that was killed" * 1000)
    written(second, PYTHONHASHSEED="2", MALLOC_PERTURB_="165")
    assert first.read_bytes() == second.read_bytes()
    assert count_up_to(Table(second), 40_000) == 30_000


def test_a_written_file_is_whole_and_of_this_table_alone(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    write_table(path, 'a "b" c', texts(THREE))
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("SELECT name FROM sqlite_schema").fetchall() == [('a "b" c',)]


LIMITED = """
import resource, sqlite3, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
try:
{}
except sqlite3.OperationalError as error:
    print(error)
"""


def test_a_full_disk_comes_through_and_nothing_stays_behind(tmp_path: Path) -> None:
    indented = "".join(f"    {line}\n" for line in WRITER.splitlines())
    assert written(tmp_path / "t.db", LIMITED.format(indented)).strip() in (
        "disk I/O error",
        "database or disk is full",
    )
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), sqlite3.OperationalError("disk is full")])
def test_trouble_with_the_bodies_comes_through_and_nothing_stays_behind(tmp_path: Path, error: Exception) -> None:
    def bodies() -> Iterator[str]:
        yield from texts(THREE)
        raise error

    with pytest.raises(type(error)) as caught:
        write_table(tmp_path / "t.db", "t", bodies())
    assert caught.value is error
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_missing_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_table(tmp_path / "none" / "t.db", "t", texts(THREE))


@pytest.mark.parametrize(
    ("table", "bodies", "says"),
    [
        ("t", [], "no records, .* migrate to .jsonl"),
        ("t", ["{}"], "at least one field"),
        ("", ['{"a": 1}'], "needs a name"),
        ("sqlite_t", ['{"a": 1}'], "reserved"),
        ("t\0", ['{"a": 1}'], "cannot name a table"),
        ("t", ["[1]"], "record 0 is no JSON object"),
        ("t", ['{"a": 1}', "{"], "record 1 is not JSON"),
        ("t", ['{"a": 1}', '{"b": 1}'], "same fields in every record: .*'a'.*, but record 1 has .*'b'"),
        ("t", ['{"a": 1}', '{"a": 1, "b": 1}'], "same fields"),
        ("t", ['{"a": 1}', "{}"], "same fields"),
        ("t", ['{"a": 1, "A": 2}'], "duplicate column name: A; rename"),
        ("t", ['{"a\\u0000": 1}'], "cannot name a table or a column"),
        ("t", ['{"\\ud800": 1}'], "cannot name a table or a column"),
        ("t", [json.dumps(dict.fromkeys(map(str, range(2001))))], "too many columns"),
        ("t", ['{"a": 1}', '{"a": 9223372036854775808}'], "record 1 .* 'a' is an integer of more than 64 bits"),
        ("t", ['{"a": NaN}'], "no finite number"),
        ("t", ['{"a": 1e999}'], "no finite number"),
        ("t", ['{"a": "\\udfff"}'], "half a surrogate pair"),
    ],
)
def test_records_that_do_not_fit_a_table_are_refused(tmp_path: Path, table: str, bodies: list[str], says: str) -> None:
    with pytest.raises(Refusal, match=says):
        write_table(tmp_path / "t.db", table, bodies)
    assert not list(tmp_path.iterdir())


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
    written(path, script)


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
        said.append(written(table.path, WRITES_AT_ONCE).strip())
        return content.decode()

    monkeypatch.setattr("reference_server.tables._text", in_the_middle_of_a_row)
    assert table.read(0, 1) == ([{"x": "a"}], 1)
    another_task.join(DEADLINE_S)
    assert said == ["database is locked"]
    assert not another_task.is_alive()
