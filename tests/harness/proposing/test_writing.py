"""The file that is written is TOML whatever a server calls its tools; a command's port and store are given over."""

from __future__ import annotations

import tomllib

import pytest

from mcp_crashtest.proposing.command import moved_variable, read_command
from mcp_crashtest.proposing.writing import Draft, text_of, toml, workflow

HOSTILE = 'a"b\\c\nd\x1b[31m\x7f{x}\u2028é'


def test_a_hostile_name_stays_a_value_and_a_comment_stays_a_line() -> None:
    draft = Draft(remarks=[f"seen: {HOSTILE}"])
    draft.say("contract", "tool", HOSTILE, HOSTILE, guessed=True)
    draft.say("contract", "arguments", {HOSTILE: [1, True, None, {"a-b": 0.5}]})
    text = text_of(draft, HOSTILE)
    assert tomllib.loads(text) == {"contract": {"tool": HOSTILE, "arguments": {HOSTILE: [1, True, {"a-b": 0.5}]}}}
    assert "\x1b" not in text
    assert draft.guesses == ["[contract] tool"]


def test_a_key_is_said_once_and_none_takes_it_out() -> None:
    draft = Draft()
    draft.say("observe", "count", "$.a")
    draft.say("observe", "count", "$.b")
    assert draft.data() == {"observe": {"count": "$.b"}}
    draft.say("observe", "count", None)
    assert tomllib.loads(text_of(draft, "")) == {}
    assert toml({}) == "{}"


@pytest.mark.parametrize(
    ("given", "text", "told"),
    [
        ("python s.py --port 8000", "python s.py --port {port}", True),
        ("python s.py --port=8000 --db x.db", "python s.py --port={port} --db {state_dir}/x.db", True),
        ("s -p 80 --state-dir ./var/s", "s -p {port} --state-dir {state_dir}/s", True),
        ("uvicorn app:app --bind 127.0.0.1:8000", "uvicorn app:app --bind 127.0.0.1:{port}", True),
        ("s --store sqlite:///x.db", "s --store sqlite:///{state_dir}/x.db", False),
        ("s --database postgres://h/db", "s --database postgres://h/db", False),
        ("s --port {port} --db {state_dir}/x", "s --port {port} --db {state_dir}/x", True),
        ("s --workers 8000 input.db", "s --workers 8000 input.db", False),
        ("node server.js ./data", "node server.js {state_dir}/data", False),
        ("node server.js var/jobs.sqlite3 -v", "node server.js {state_dir}/jobs.sqlite3 -v", False),
        ("node server.js data", "node server.js data", False),
        ("python ./data", "python ./data", False),
        ("s run --name ./data", "s run --name ./data", False),
        ("s run ./documents", "s run ./documents", False),
        ("s 'a b' --http-port 9000", "s 'a b' --http-port {port}", True),
    ],
)
def test_port_and_store_become_the_runs_own(given: str, text: str, told: bool) -> None:
    found = read_command(given)
    assert (found.text, found.told_port) == (text, told)


def test_a_variable_before_the_command_is_the_environments_and_may_be_the_port() -> None:
    found = read_command("PORT=8000 MODE=x node server.js")
    assert found.environment == {"PORT": "{port}", "MODE": "x"}
    assert (found.text, found.told_port) == ("node server.js", True)


def test_what_is_there_already_may_be_read_and_stays_unless_an_option_says_that_it_is_the_store() -> None:
    command = "DATA_DIR=./in node server.js ./data --db jobs.db"
    found = read_command(command, lambda _: True)
    assert found.text == "node server.js ./data --db {state_dir}/jobs.db"
    assert found.environment == {"DATA_DIR": "./in"}
    assert read_command(command).environment == {"DATA_DIR": "{state_dir}/in"}


@pytest.mark.parametrize(
    ("name", "value", "moved"),
    [
        ("DB_PATH", "./var/jobs.db", "{state_dir}/jobs.db"),
        ("DATABASE_URL", "sqlite:///jobs.db", "sqlite:///{state_dir}/jobs.db"),
        ("THUMBS_DIR", "thumbs", "{state_dir}/thumbs"),
        ("MY_STORE", "/srv/mine", "{state_dir}/mine"),
        ("DATABASE_URL", "postgres://h/db", None),
        ("DB_NAME", "jobs.db", None),
        ("DB", "memory", None),
        ("LOG_LEVEL", "./x", None),
        ("DATA_DIR", "${HOME}/x", None),
        ("DATA_DIR", "{state_dir}/x", None),
    ],
)
def test_a_variable_that_says_the_stores_place_is_known_by_its_name(name: str, value: str, moved: str | None) -> None:
    assert moved_variable(name, value) == moved


@pytest.mark.parametrize(
    "command", ["npx -y some-server", "uv run server.py", "sh -c 'node s.js'", "/usr/bin/env node s"]
)
def test_a_launcher_is_warned_of(command: str) -> None:
    [warning] = read_command(command).warnings
    assert "launcher" in warning
    assert read_command("node s.js").warnings == ()


def test_the_workflow_names_the_profile_and_has_time_enough() -> None:
    text = workflow("crashtest.toml", 600)
    assert "--profile crashtest.toml ${{ github.event_name" in text
    assert "timeout-minutes: 40" in text
    assert "timeout-minutes: 10" in workflow("x.toml", 5)
