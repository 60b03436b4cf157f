"""What the commands say when something is lost, late, forbidden, hostile or mistyped."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.reference_client.conftest import DEADLINE_S, Program, Server, environment, wait_until
from tests.warm import ROOT

ProgramFor = Callable[[Server], Program]


@pytest.fixture
def program(shared: Server, program_for: ProgramFor) -> Program:
    """A new client of a server that is shared."""
    return program_for(shared)


# --- lost, expired, never there


def test_a_task_that_never_was_is_told_from_one_that_is_lost(other: Server, program_for: ProgramFor) -> None:
    program = program_for(other)
    said = program.run("status", "0123456789")
    assert said.exit == 4
    assert "there has never been a task" in said.err
    [job] = program.json("start", "start_keyed", '{"steps": 100000}', "--detach")["jobs"]
    watching = program.begin("watch")
    program.wait_job(lambda job: job["progress"] > 0, "the task makes progress")
    program_for(other).run("start", "drop", json.dumps({"task_id": job["task_id"]}))
    said = watching.said()
    assert said.exit == 4
    assert "Task lost" in said.out
    assert program.run("status", job["job_id"]).exit == 4
    assert program.state["completed"][0]["phase"] == "lost"


def test_a_task_whose_time_was_over_has_expired(other: Server, program_for: ProgramFor) -> None:
    program = program_for(other)
    [job] = program.json("start", "crunch", '{"steps": 100000, "ttl_ms": 1}', "--detach")["jobs"]
    program.run("start", "drop", json.dumps({"task_id": job["task_id"]}))
    said = program.run("watch", job["job_id"])
    assert said.exit == 4
    assert "Task expired" in said.out
    assert "its time to live was over" in said.out


def test_a_task_of_the_extension_is_found_again_in_the_handshake_era(program: Program) -> None:
    [job] = program.json("migrate", "long.jsonl", "eras.jsonl", "--batch-size", "1", "--detach")["jobs"]
    assert job["contract"] == "tasks-extension"
    [done] = program.json("--protocol", "legacy", "watch")["jobs"]
    assert (done["task_id"], done["phase"]) == (job["task_id"], "completed")


# --- bounds


def test_a_tool_that_says_running_and_nothing_more_is_not_called_for_ever(
    other: Server, program_for: ProgramFor
) -> None:
    program = program_for(other)
    said = program.run("start", "going_on")
    assert said.exit == 1
    assert "tells nothing to follow it by" in said.out
    said = program.run("--patience-s", "0.3", "start", "going_on", "--repeatable")
    assert said.exit == 6
    assert "does not get any further" in said.out + said.err


def test_a_url_where_nothing_is_says_so(shared: Server, program_for: ProgramFor) -> None:
    said = program_for(shared).run("--server", shared.url.replace("/mcp", "/elsewhere"), "stats")
    assert said.exit == 2
    assert "/elsewhere is answered with HTTP status 404" in said.err


def test_a_server_that_never_comes_is_given_up_after_the_patience(server: Server, program_for: ProgramFor) -> None:
    server.start()
    server.kill()
    program = program_for(server)
    said = program.run("--patience-s", "0.5", "migrate", "in.jsonl", "out.jsonl")
    assert said.exit == 3
    assert "the server was away for 0.5 s" in said.err
    assert program.jobs == [], "nothing was submitted"


def test_the_deadline_leaves_the_task_and_keeps_the_job(other: Server, program_for: ProgramFor) -> None:
    program = program_for(other)
    said = program.run("--deadline-s", "1", "start", "crunch", '{"steps": 100000}')
    assert said.exit == 6
    assert "goes on at the server" in said.out
    assert program.state["active"][0]["phase"] == "active"


def test_the_servers_poll_interval_is_honoured(other: Server, program_for: ProgramFor) -> None:
    """It asks for 40 ms where we would wait 30 s."""
    [job] = program_for(other).json("--poll-s", "30", "start", "crunch", '{"steps": 20}')["jobs"]
    assert (job["poll_interval_s"], job["phase"]) == (0.04, "completed")


# --- tokens, scripts, terminals


def test_a_token_comes_from_a_variable_or_a_file_and_never_into_the_state(
    tmp_path: Path, program_for: ProgramFor
) -> None:
    guarded = Server(tmp_path, other=True, token="very-secret").start()
    try:
        program = program_for(guarded)
        words = ("start", "start_keyed", '{"steps": 1}')
        refused = program.run(*words)
        assert refused.exit == 2
        assert "HTTP status 401" in refused.err
        assert program.run("--token-env", "MINE", *words, MINE="very-secret").exit == 0
        (tmp_path / "token").write_text("very-secret\n")
        assert program.run("--token-file", str(tmp_path / "token"), *words).exit == 0
        assert b"very-secret" not in program.state_file.read_bytes()
    finally:
        guarded.kill()


def test_a_second_client_may_ask_and_not_start(server: Server, program_for: ProgramFor) -> None:
    server.start("acknowledged@100")
    program = program_for(server)
    watching = program.begin("migrate", "in.jsonl", "locked.jsonl", "--batch-size", "1")
    server.wait_parked()
    program.wait_phase("active")
    server.thaw()
    server.freeze()
    second = program.run("migrate", "in.jsonl", "second.jsonl")
    assert second.exit == 7, second
    assert f"another client (process {watching.pid}) is using" in second.err
    server.thaw()
    assert program.run("stats").exit == 0
    assert watching.said().exit == 0


@pytest.mark.parametrize(("path", "kind"), [("fifo", "a FIFO"), ("device", "a device"), (".", "a folder")])
def test_a_state_that_is_no_file_is_a_mistake_of_the_command_line(
    program: Program, tmp_path: Path, path: str, kind: str
) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "device").symlink_to(os.devnull)
    said = program.run("--state", str(tmp_path / path), "session")
    assert said.exit == 2
    assert f"is {kind}, where a regular file is expected: give another --state" in said.err


def test_errors_are_json_for_scripts(program: Program) -> None:
    said = program.run("--json", "status", "0123456789")
    assert said.json["exit"] == said.exit == 4
    assert "never been" in said.json["error"]


def test_options_stand_before_or_behind_the_command(program: Program) -> None:
    assert "server" in program.run("stats", "--json").json
    assert "server" in program.run("--json", "stats").json


def test_hostile_text_does_not_reach_the_terminal(program: Program) -> None:
    said = program.run("migrate", "\x1b[2J\x07.jsonl", "x.jsonl")
    assert said.exit == 1
    assert "\x1b" not in said.out + said.err


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("process", "--records", "0"), "from 1 on"),
        (("list", "--status", "strange"), "invalid choice"),
        (("start", "x", "{"), "not JSON"),
        (("start", "x", "[]"), "must be a JSON object"),
        (("--patience-s", "nan", "stats"), "seconds"),
        (("resume", "--again", "nobody"), "never been"),
    ],
)
def test_bad_words_are_answered_with_advice(program: Program, words: tuple[str, ...], complaint: str) -> None:
    said = program.run(*words)
    assert said.exit in (2, 4)
    assert complaint in said.err


def test_help_teaches_and_names_the_exit_codes() -> None:
    words = [sys.executable, "-m", "reference_client"]
    said = subprocess.run(
        [*words, "--help"], env=environment(), cwd=ROOT, capture_output=True, text=True, timeout=DEADLINE_S, check=True
    )
    for word in ("menu", "exit codes:", "130", "Ctrl-C detaches", "MCP_CRASHTEST_CLIENT_TOKEN"):
        assert word in said.stdout


def test_a_question_of_a_task_is_shown_and_answered(other: Server, program_for: ProgramFor) -> None:
    program = program_for(other)
    said = program.run("start", "crunch", '{"steps": 3, "asks": true}')
    assert said.exit == 6
    assert "it waits for input" in said.out
    job_id = program.state["active"][0]["job_id"]
    assert "What is your name?" in program.run("status", job_id).out
    answer = '{"name": {"action": "accept", "content": {"name": "Bo"}}}'
    assert program.run("answer", job_id, answer).exit == 0
    [job] = program.json("watch")["jobs"]
    assert "Bo" in job["result"]["answer"]


def test_a_task_of_the_extension_is_cancelled(other: Server, program_for: ProgramFor) -> None:
    program = program_for(other)
    [job] = program.json("start", "crunch", '{"steps": 100000}', "--detach")["jobs"]
    assert job["contract"] == "tasks-extension"
    assert "cancelled" in program.run("cancel", job["job_id"]).out
    said = program.run("watch")
    assert said.exit == 0, "its end was shown by cancel"
    wait_until(lambda: program.state["completed"], "the cancelled job is among the completed ones")
