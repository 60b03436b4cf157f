"""Bad input gets a clear error of the documented kind: exit code 2 for usage, 3 for a subject that cannot be driven."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mcp_crashtest.sessions.catalogue import standard
from mcp_crashtest.subjects.sockets import find_free_port
from tests.lab import SMALL, THIRD_PARTY, lab

PROFILE = THIRD_PARTY / "crashtest.toml"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--profile", "nowhere.toml"], "nowhere.toml cannot be read"),
        (["--level", "4"], "levels 1 to 3"),
        (["--level", "0"], "levels 1 to 3"),
        (["--jobs", "0"], "from 1 to 64"),
        (["--time-limit", "soon"], "a number of seconds above 0"),
        (["--quick", "--level", "2"], "a first look (--quick) earns one star at most"),
        (["--quick", "--full"], "not allowed with argument"),
        (["--last-failed"], "there is no scenario that has failed"),
        (["--level", "1", "--profile", PROFILE, "--url", "http://127.0.0.1:1/mcp"], "out of reach"),
        (["--seed", "x"], "expected a whole number or random"),
        (["--command", "a", "--url", "b"], "not allowed with argument"),
        (["--command", "python server.py"], "needs a profile"),
        (["--url", "http://127.0.0.1:1/mcp"], "needs a profile"),
        (["--scenario", "no-such"], "there is no scenario 'no-such'"),
        (["--profile", PROFILE, "--profile", PROFILE], "two profiles have the same name"),
        (["--profile", PROFILE, "--command", "python 'server.py"], "cannot be split"),
    ],
)
def test_a_bad_option_is_a_usage_error_that_says_what_is_wrong(
    tmp_path: Path, arguments: list[object], said: str
) -> None:
    done = lab("certify", "--report-dir", tmp_path, *arguments)
    assert done.code == 2, done.out + done.err
    assert said in done.out + done.err


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[subject", "is not TOML"),
        ("[subject]\ncommand = 'x'\n", "needs a [contract]"),
        ("[contract]\nkind = 'telepathy'\ntool = 'x'\n", "contract.kind"),
        ("[contract]\nkind = 'resource-task'\ntool = 'x'\n", "needs a command, or a url"),
        ("[subject]\ncomand = 'x'\n[contract]\nkind = 'resource-task'\ntool = 'x'\n", "no key 'comand'"),
        ("\xff", "cannot be read"),
    ],
)
def test_a_profile_that_cannot_be_read_names_the_file_and_what_is_wrong_in_it(
    tmp_path: Path, text: str, said: str
) -> None:
    profile = tmp_path / "mine.toml"
    profile.write_bytes(text.encode("latin-1"))
    done = lab("certify", "--report-dir", tmp_path / "report", "--profile", profile)
    assert done.code == 2, done.out + done.err
    assert "mine.toml" in done.err
    assert said in done.err


def test_a_dead_url_is_a_subject_that_cannot_be_reached(tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{find_free_port()}/mcp"
    done = lab("certify", "--report-dir", tmp_path, "--profile", PROFILE, "--url", url)
    assert done.code == 3
    assert f"nothing answers at {url}" in done.out.replace("│\n│ ", "").replace("\n", " ")


def test_a_command_that_ends_at_once_is_shown_with_its_last_words(tmp_path: Path) -> None:
    command = "python -c 'import sys; sys.exit(\"the config is missing\")'"
    done = lab("certify", "--report-dir", tmp_path, "--profile", PROFILE, "--command", command)
    assert done.code == 3
    assert "the config is missing" in done.out
    assert "exit code 1" in done.out


def test_a_program_that_is_not_there_is_named(tmp_path: Path) -> None:
    done = lab("certify", "--report-dir", tmp_path, "--profile", PROFILE, "--command", "no-such-program --port {port}")
    assert done.code == 3
    assert "there is no program 'no-such-program'" in done.out


def test_a_tool_that_is_not_there_is_a_mistake_of_the_profile_and_the_nearest_is_named(tmp_path: Path) -> None:
    text = SMALL.read_text().replace("{here}", str(SMALL.parent))
    profile = tmp_path / "typo.toml"
    profile.write_text(text.replace('"start"', '"star"'))
    done = lab("certify", "--report-dir", tmp_path / "report", "--profile", profile, "--scenario", "undisturbed")
    assert done.code == 2, done.out
    assert '[contract] tool = "star": there is no such tool' in done.out.replace("│\n│ ", "")
    assert 'tool = "start"' in done.out


def test_a_report_directory_with_strange_files_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("three years of work")
    done = lab("certify", "--report-dir", tmp_path, "--scenario", "undisturbed")
    assert done.code == 2, done.out + done.err
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.txt"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["replay", "nowhere"], "cannot be read"),
        (["replay", "nowhere", "--times", "0"], "--times 0"),
        (["explain", "records.eaten"], "there is no invariant"),
        (["recheck", "nowhere"], "not a report directory"),
    ],
)
def test_other_commands_teach_too(arguments: list[str], said: str) -> None:
    done = lab(*arguments)
    assert done.code == 2
    assert said in done.err


def test_explain_knows_every_invariant_and_its_advice() -> None:
    done = lab("explain", "records.duplicated")
    assert done.code == 0
    assert "advice:" in done.out


def test_list_names_the_scenarios_with_their_stars_and_stories() -> None:
    done = lab("list")
    assert done.code == 0
    assert "**    server-killed-everywhere" in done.out
    assert "The server is killed all over the job" in done.out


def test_the_catalogue_by_which_levels_are_earned_has_every_scenario_that_is_collected() -> None:
    listed = {(one["id"], one["level"]) for one in json.loads(lab("list", "--json").out)}
    assert {(one.id, one.level) for one in standard()} == listed


def test_list_says_what_a_profile_keeps_from_being_assessed() -> None:
    done = lab("list", "--profile", PROFILE)
    assert done.code == 0, done.err
    assert "client-undisturbed" not in done.out
    assert "not assessed: rework and double runs" in done.out
    assert "effects.rework: not assessed" in done.out
    explained = lab("explain", "effects.rework", "--profile", PROFILE)
    assert "effects.rework" in explained.out
    assert "not assessed: nothing is told of {ledger}" in explained.out


def test_list_leaves_nothing_in_the_folder_in_which_it_is_asked(tmp_path: Path) -> None:
    assert lab("list", cwd=tmp_path).code == 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", ["", "certify", "list", "explain", "replay", "recheck", "merge", "campaign"])
def test_help_is_there_for_every_command(command: str) -> None:
    done = lab(*filter(None, [command]), "--help")
    assert done.code == 0
    assert "usage: mcp-crashtest" in done.out
