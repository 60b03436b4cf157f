"""Case 02: commands that start the server behind something else, and what the lab says of each."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mcp_crashtest.model.verdict import Verdict
from tests.cases.playing import killed, restarted
from tests.lab import SMALL, certify, named

FOLDER = Path(__file__).resolve().parent / "02-launcher"
LONG = [pytest.mark.cases, pytest.mark.timeout(900)]
SAID = "the launcher ended on SIGTERM and its child lives ("


def case(name: str) -> Path:
    return FOLDER / f"{name}.toml"


BEHIND = r"""command = '''sh -c "\1 & wait"'''"""


def small_behind_a_launcher(folder: Path) -> Path:
    """The case with the small server, whose lives begin in milliseconds."""
    text = SMALL.read_text(encoding="utf-8").replace("{here}", str(SMALL.parent))
    profile = folder / "small.toml"
    profile.write_text(re.sub(r'^command = "(.*)"$', BEHIND, text, flags=re.M))
    return profile


@pytest.mark.parametrize("name", ["small", pytest.param("a-sh-c", marks=LONG)])
def test_a_launcher_that_keeps_sigterm_to_itself_is_told_of_the_key_at_the_first_restart(
    tmp_path: Path, name: str
) -> None:
    profile = small_behind_a_launcher(tmp_path) if name == "small" else case(name)
    judgement = restarted(profile, tmp_path / "report")
    assert judgement.verdict is Verdict.INVALID
    assert SAID in judgement.unproven[0]
    assert "server.py" in judgement.unproven[0]
    assert 'set [subject] stop = "group"' in judgement.unproven[0]


@pytest.mark.parametrize("name", [pytest.param("a2-sh-c-group", marks=LONG)])
def test_with_the_key_its_restart_is_a_restart(tmp_path: Path, name: str) -> None:
    assert restarted(case(name), tmp_path).verdict is Verdict.PASS


@pytest.mark.parametrize("name", [pytest.param("a-sh-c", marks=LONG)])
def test_its_kills_are_judged(tmp_path: Path, name: str) -> None:
    assert killed(case(name), tmp_path).verdict is Verdict.PASS


@pytest.mark.cases
@pytest.mark.timeout(900)
def test_a_command_that_starts_something_and_ends_is_told_who_is_alive_and_where(tmp_path: Path) -> None:
    done = certify(tmp_path, "--profile", case("b-forks-and-exits"), "--quick")
    assert done.code == 3, done.out + done.err
    reason = named(done, "planned-restart", "b-forks-and-exits")["reason"]
    assert "your command started something and ended" in reason, done.out
    assert "server.py" in reason
    assert "is alive and listens on port " in reason


@pytest.mark.cases
@pytest.mark.timeout(900)
def test_a_server_in_a_session_of_its_own_is_never_green(tmp_path: Path) -> None:
    judgement = killed(case("c-setsid"), tmp_path)
    assert judgement.verdict is Verdict.INVALID
    assert "is outside its process group, and was alive when the group was gone" in judgement.unproven[0]


@pytest.mark.cases
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", ["d-ignores-term", "e-exec"])
def test_a_launcher_that_ignores_sigterm_or_becomes_the_server_passes(tmp_path: Path, name: str) -> None:
    done = certify(tmp_path, "--profile", case(name), "--quick")
    assert done.code == 0, done.out + done.err
