"""What a client under test has printed, and its state file, read whatever is in them."""

from __future__ import annotations

from pathlib import Path

import pytest

from mcp_crashtest.files.leavings import printed, state_of
from mcp_crashtest.model.text import NOTHING

PATHS = ["$.result.count"]


@pytest.mark.parametrize(
    "text", ['{"result": {"count": 3}}', '{\n "result": {"count": 3}\n}\n', 'going ...\n{"result": {"count": 3}}\n']
)
def test_json_is_found_alone_and_in_the_last_line(tmp_path: Path, text: str) -> None:
    path = tmp_path / "out"
    path.write_text(text)
    [[place, told]] = printed(path, PATHS)
    assert place == PATHS[0]
    assert told.startswith("3 (")


@pytest.mark.parametrize("text", ["", "{", "[1]", "\x00", '{"result": {}}', "[" * 100_000])
def test_where_there_is_none_there_is_nothing(tmp_path: Path, text: str) -> None:
    path = tmp_path / "out"
    path.write_text(text)
    assert printed(path, PATHS) == [[PATHS[0], NOTHING]]


def test_values_that_begin_alike_are_told_apart(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    one.write_text(f'{{"result": {{"count": "{"x" * 1000}y"}}}}')
    other.write_text(f'{{"result": {{"count": "{"x" * 1000}z"}}}}')
    assert printed(one, PATHS) != printed(other, PATHS)


def test_a_state_file_that_is_not_there_is_readable_and_not_found(tmp_path: Path) -> None:
    assert state_of(tmp_path / "none", ["$.task"]) == (True, {"found": False, "handles": []})


def test_a_state_file_tells_its_handles(tmp_path: Path) -> None:
    path = tmp_path / "state"
    path.write_text('{"active": [{"task": "t"}], "done": []}')
    assert state_of(path, ["$.active[0].task", "$.done[0].task"]) == (True, {"found": True, "handles": ["t"]})


@pytest.mark.parametrize("raw", [b"", b'{"a": ', b"\xff\xfe", b"[" * 100_000])
def test_a_state_file_that_is_torn_is_not_readable(tmp_path: Path, raw: bytes) -> None:
    path = tmp_path / "state"
    path.write_bytes(raw)
    readable, value = state_of(path, [])
    assert not readable
    assert value["error"]
