"""Tables come out as they went in, whatever the batches; equal records give equal files."""

from __future__ import annotations

import base64
import json
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference_server.errors import Refusal
from reference_server.table_output import write_table
from reference_server.table_source import Table
from tests.reference_server.tables import THREE, counted, life, texts, whole

SMALLEST, LARGEST = -(2**63), 2**63 - 1

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
from reference_server.table_output import write_table
bodies = (json.dumps({"id": n, "text": "x" * (n * 7919 % 97 + (n % 1000 == 0) * 9000)}) for n in range(30_000))
write_table(Path(sys.argv[1]), "t", bodies)
"""


def test_equal_records_give_equal_bytes_in_any_process_and_over_any_older_file(tmp_path: Path) -> None:
    first, second = tmp_path / "first.db", tmp_path / "second.db"
    life(first, WRITER, PYTHONHASHSEED="1")
    second.write_bytes(b"half a file of a life that was killed" * 1000)
    life(second, WRITER, PYTHONHASHSEED="2", MALLOC_PERTURB_="165")
    assert first.read_bytes() == second.read_bytes()
    assert counted(Table(second), 40_000) == 30_000


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
    assert life(tmp_path / "t.db", LIMITED.format(indented)).strip() in (
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
