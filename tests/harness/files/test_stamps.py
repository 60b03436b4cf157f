"""Each line of a ledger is stamped by the lab when it is seen; what was only seen at the end has no stamp."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from mcp_crashtest.files.ledger import read_lines
from mcp_crashtest.files.stamps import Stamps

LINE = '{{"task":"t","record":"{}"}}\n'


def append(path: Path, *records: str, torn: str = "") -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write("".join(LINE.format(record) for record in records) + torn)


def test_a_line_is_there_by_the_look_that_has_found_it(tmp_path: Path) -> None:
    path = tmp_path / "effects"
    stamps = Stamps(path)
    stamps.look(0.5)
    assert (stamps.lines, stamps.seen) == (None, [])
    append(path, "a", "b")
    stamps.look(1.0)
    stamps.look(1.5)
    append(path, "c")
    stamps.look(2.0)
    append(path, "d")  # nobody looks any more
    assert (stamps.lines, stamps.seen) == (3, [(2, 1.0), (3, 2.0)])
    rows = list(read_lines(path, seen=stamps.seen))
    assert rows == [("t", "a", 1.0), ("t", "b", 1.0), ("t", "c", 2.0), ("t", "d", None)]


def test_a_torn_line_is_none_until_its_end_is_there(tmp_path: Path) -> None:
    path = tmp_path / "effects"
    stamps = Stamps(path)
    append(path, "a", torn='{"task":"t",')
    stamps.look(1.0)
    assert stamps.lines == 1
    append(path, torn='"record":"b"}\n')
    stamps.look(2.0)
    assert list(read_lines(path, seen=stamps.seen)) == [("t", "a", 1.0), ("t", "b", 2.0)]


def test_a_ledger_that_was_emptied_or_put_in_the_place_of_another_is_counted_anew(tmp_path: Path) -> None:
    path = tmp_path / "effects"
    stamps = Stamps(path)
    append(path, "a", "b", "c")
    stamps.look(1.0)
    os.truncate(path, 0)
    append(path, "d")
    stamps.look(2.0)
    assert (stamps.lines, stamps.seen) == (1, [(1, 2.0)])
    other = tmp_path / "other"
    append(other, "e", "f", "g", "h")
    other.replace(path)
    stamps.look(3.0)
    assert (stamps.lines, stamps.seen) == (4, [(4, 3.0)])


def test_a_look_at_something_that_is_no_file_neither_waits_nor_fails(tmp_path: Path) -> None:
    for make in (os.mkfifo, os.mkdir):
        path = tmp_path / make.__name__
        make(path)
        stamps = Stamps(path)
        stamps.look(1.0)
        assert (stamps.lines, stamps.seen) == (None, [])


def test_of_a_long_run_the_stamps_are_bounded_and_stay_true(tmp_path: Path) -> None:
    path = tmp_path / "effects"
    stamps = Stamps(path)
    for number in range(2000):
        append(path, str(number))
        stamps.look(float(number))
    assert len(stamps.seen) <= 1024
    assert stamps.seen[-1] == (2000, 1999.0)
    told = [seen_s for _, _, seen_s in read_lines(path, seen=stamps.seen)]
    late = [seen_s - number for number, seen_s in enumerate(told) if seen_s is not None]
    assert len(late) == 2000
    assert (min(late), max(late) <= 8) == (0.0, True)  # by then at the latest, and never before it was there


@pytest.mark.asyncio
@pytest.mark.parametrize("notices", [True, False], ids=["told", "without-notices"])
async def test_whoever_waits_hears_of_a_ledger_that_begins_and_grows(
    tmp_path: Path, notices: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not notices:  # as on a system that has given all of them away
        monkeypatch.setattr("mcp_crashtest.files.stamps._begin_notices", lambda: -1)
    path = tmp_path / "effects"
    stamps = Stamps(path)
    with stamps.changes() as changed:
        changed.clear()
        append(path, "a")
        await asyncio.wait_for(changed.wait(), 20)
        stamps.look(1.0)
        changed.clear()
        append(path, "b")
        await asyncio.wait_for(changed.wait(), 20)
        stamps.look(2.0)
    assert stamps.seen == [(1, 1.0), (2, 2.0)]
