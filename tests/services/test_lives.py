"""Another version on the same store: an upgrade that reads what was there passes, one that does not is caught."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from mcp_crashtest.files.profiles import parse_profile
from mcp_crashtest.model.errors import UsageError
from mcp_crashtest.model.profile import Profile
from tests.lab import SMALL, certify, invariants

KILLS = "server-killed-everywhere"
SECOND = Path(__file__).with_name("upgraded.py")
OPTIONS = "--listen-fd {listen_fd} --state-dir {state_dir} --effects-file {ledger}"


def upgraded(tmp_path: Path, *, migrates: str) -> Path:
    text = SMALL.read_text(encoding="utf-8").replace("{here}", str(SMALL.parent))
    text = "\n".join(line for line in text.splitlines() if not line.startswith("crash_points"))
    life = f'command = "{{python}} {SECOND} {OPTIONS}"\nenvironment = {{ MIGRATES = "{migrates}" }}'
    path = tmp_path / "upgraded.toml"
    path.write_text(f"{text}\n[[lives]]\nnumber = 2\n{life}\n", encoding="utf-8")
    return path


@pytest.mark.soak
def test_an_upgrade_that_reads_the_first_versions_rows_passes(tmp_path: Path) -> None:
    report = tmp_path / "report"
    done = certify(report, "--profile", upgraded(tmp_path, migrates="yes"), "--scenario", KILLS, "--quick")
    assert done.code == 0, done.out + done.err
    histories = [path.read_text(encoding="utf-8") for path in report.rglob(f"{KILLS}/*/history*")]
    assert len(histories) >= 2
    assert all('"MIGRATES":"yes"' in history for history in histories)


def test_an_upgrade_that_cannot_read_them_is_caught(tmp_path: Path) -> None:
    profile = upgraded(tmp_path, migrates="no")
    done = certify(tmp_path / "report", "--profile", profile, "--scenario", KILLS, "--quick", "--fail-fast")
    assert done.code == 1, done.out + done.err
    assert "records.lost" in invariants(done.certificate["scenarios"][0])


def parsed(*lives: dict[str, Any], command: str = "old {port}") -> Profile:
    subject = {"command": command, "url": "http://127.0.0.1:{port}/mcp", "environment": {"A": "1"}}
    data = {"subject": subject, "contract": {"kind": "resumable-tool", "tool": "work"}, "lives": list(lives)}
    return parse_profile(data, name="one", source="one.toml", folder=Path(os.sep))


def test_a_life_with_a_number_holds_until_the_next_one_does() -> None:
    profile = parsed({"number": 4, "environment": {"A": "2"}}, {"number": 2, "command": "new {port}"})
    assert [profile.life(n)[0] for n in range(1, 6)] == ["old {port}", "new {port}", "new {port}", *["old {port}"] * 2]
    assert [profile.life(n)[1]["A"] for n in (3, 4)] == ["1", "2"]


def test_lives_without_numbers_take_turns() -> None:
    profile = parsed({}, {"command": "new {port}"})
    assert [profile.life(n)[0] for n in (1, 2, 3)] == ["old {port}", "new {port}", "old {port}"]


@pytest.mark.parametrize(
    ("lives", "said"),
    [
        ([{"number": 1}], "2 or more"),
        ([{"number": 2}, {"number": 2}], "there once"),
        ([{"number": 2}, {}], "or none"),
        ([{"nummer": 2}], "command, environment, number"),
        ([{"number": 2, "command": "new {listen_fd}"}], "or neither"),
    ],
)
def test_what_is_wrong_with_lives_is_said(lives: list[dict[str, Any]], said: str) -> None:
    with pytest.raises(UsageError, match=r"one.toml: \[\[lives\]\]") as error:
        parsed(*lives)
    assert said in str(error.value)
