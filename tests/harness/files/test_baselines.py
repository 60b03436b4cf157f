"""Files of expected findings: what is written is read, by hand or by us; what is wrong is named with its place."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mcp_crashtest.files.baselines import read_baseline, write_baseline
from mcp_crashtest.model.errors import UsageError
from tests.harness.reporting.samples import expecting

KNOWN = expecting("records.lost", reason='"quoted" \\ \x7f é')
SOMETIMES = expecting("task.vanished", sometimes=True)
BY_HAND = """\
format = 1
[[expected]]
profile = "mine"
scenario = "killed"
invariant = "records.lost"
reason = "issue 12"
date = 2026-11-01
"""


@pytest.mark.parametrize("name", ["known.toml", "known.json"])
def test_what_is_written_is_read(tmp_path: Path, name: str) -> None:
    write_baseline(tmp_path / name, [SOMETIMES, KNOWN])
    read = read_baseline(tmp_path / name)
    assert read.entries == (KNOWN, SOMETIMES)
    assert KNOWN.fingerprint in (tmp_path / name).read_text()


def test_an_empty_one_expects_nothing(tmp_path: Path) -> None:
    write_baseline(tmp_path / "none.toml", [])
    assert read_baseline(tmp_path / "none.toml").entries == ()


def test_by_hand_no_fingerprint_is_needed(tmp_path: Path) -> None:
    path = tmp_path / "known.toml"
    path.write_text(BY_HAND)
    assert read_baseline(path).entries == (expecting("records.lost"),)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("format = 1", "", "has no format = 1"),
        ("format = 1", "format = 2", "has no format = 1"),
        ("format = 1", "format = ", "is not TOML"),
        ("[[expected]]", "[expected]", "a table [[expected]] for each finding"),
        ("format = 1", "format = 1\nmore = 1", "and nothing else"),
        ('reason = "issue 12"', 'reason = " "', "number 1: reason is to be said"),
        ('reason = "issue 12"', "", "number 1: reason is to be said"),
        ("records.lost", "records.eaten", "there is no invariant 'records.eaten'"),
        ("2026-11-01", '"soon"', "date is to be a day"),
        ("date = 2026-11-01", "", "date is to be a day"),
        ("date", 'fingerprint = "0"\ndate', "leave it out where you change one of them"),
        ("date", "since = 1\ndate", "has no key 'since'"),
        ("date", 'sometimes = "no"\ndate', "sometimes is true or false"),
        ("format = 1", BY_HAND, "is expected twice"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(tmp_path: Path, old: str, new: str, said: str) -> None:
    path = tmp_path / "known.toml"
    path.write_text(BY_HAND.replace(old, new, 1) if new != BY_HAND else BY_HAND + BY_HAND.partition("\n")[2])
    with pytest.raises(UsageError) as found:
        read_baseline(path)
    assert said in str(found.value)
    assert "known.toml" in str(found.value)


def test_a_file_that_is_not_there_says_how_one_is_written(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"mcp-crashtest baseline update --baseline .*known\.toml --reason WHY"):
        read_baseline(tmp_path / "known.toml")


def test_a_json_file_is_told_that_it_is_none(tmp_path: Path) -> None:
    (tmp_path / "known.json").write_text(BY_HAND)
    with pytest.raises(UsageError, match="is not JSON"):
        read_baseline(tmp_path / "known.json")
    (tmp_path / "known.json").write_text(json.dumps([1]))
    with pytest.raises(UsageError, match="has no format = 1"):
        read_baseline(tmp_path / "known.json")
