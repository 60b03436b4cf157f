"""The client is killed at every window, alone and with the server: one task a job, its result, a whole state file."""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing

import pytest

from tests.reference_client.conftest import RECORDS, Life, Program, Server, wait_until

ProgramFor = Callable[[Server], Program]
MIGRATE = ("migrate", "in.jsonl", "out.jsonl", "--batch-size", "2")
PROCESS = ("process", "unicode", "--records", "400", "--batch-size", "2")
COMMANDS = {
    "process": ("process", "unicode", "--records", "6000", "--batch-size", "2"),
    "migrate": ("migrate", "long.jsonl", "out.jsonl", "--records", "10000", "--batch-size", "2"),
}
HALFWAY = "acknowledged@100"


def count(server: Server, tool: str) -> int:
    """How many tasks of a tool the other server has."""
    with closing(sqlite3.connect(f"file:{server.folder / 'other.db'}?mode=ro", uri=True)) as db:
        return int(db.execute("SELECT count(*) FROM task WHERE tool = ?", (tool,)).fetchone()[0])


@pytest.mark.parametrize(
    ("era", "words"),
    [
        ((), MIGRATE),
        (("--no-tasks-extension",), MIGRATE),
        (("--no-tasks-extension",), PROCESS),
        (("--protocol", "legacy"), PROCESS),
    ],
)
def test_client_and_server_killed_in_the_middle_end_with_the_servers_result(
    server: Server, program_for: ProgramFor, words: tuple[str, ...], era: tuple[str, ...]
) -> None:
    server.start(HALFWAY)
    program = program_for(server)
    program.cold = not era
    life = program.begin(*era, *words)
    server.wait_parked()
    program.wait_phase("active")
    life.kill()
    program.cold = False
    server.kill()
    server.start()
    [job] = program.json(*era, "watch")["jobs"]
    assert job["phase"] == "completed"
    assert program.json("stats")["server"]["total_tasks"] == 1
    result = job["result"]
    assert result.get("migrated_records", result.get("total_processed")) == RECORDS


def test_the_server_killed_while_watching_is_waited_for(server: Server, program_for: ProgramFor) -> None:
    server.start(HALFWAY)
    program = program_for(server)
    life = program.begin(*MIGRATE)
    server.wait_parked()
    job = program.wait_phase("active")
    server.kill()
    wait_until(lambda: "trying again" in life.err.read_text(encoding="utf-8"), "the client notices")
    server.start()
    said = life.said()
    assert said.exit == 0, said
    assert f"migrated_records: {RECORDS}" in said.out
    assert "the server is back after" in said.err
    assert program.state["completed"][0]["task_id"] == job["task_id"]


def test_the_same_command_again_comes_back_to_the_same_task(server: Server, program_for: ProgramFor) -> None:
    server.start(HALFWAY)
    program = program_for(server)
    life = program.begin(*MIGRATE)
    server.wait_parked()
    task_id = program.wait_phase("active")["task_id"]
    life.kill()
    server.thaw()
    [job] = program.json(*MIGRATE)["jobs"]
    assert (job["task_id"], job["phase"], job["delivered"]) == (task_id, "completed", False)
    assert program.state["completed"][0]["delivered"] is True
    assert program.json("stats")["server"]["total_tasks"] == 1


@pytest.mark.parametrize("tool", ["start_keyed", "crunch"])
def test_an_unacknowledged_submission_is_repeated_under_its_key(
    other: Server, program_for: ProgramFor, tool: str
) -> None:
    program = program_for(other)
    gate = other.folder / "gate"
    gate.touch()
    words = ("start", tool, '{"steps": 20}')
    key = None
    for _ in range(3):
        life = program.begin(*words)
        key = program.wait_phase("submitting")["idempotency_key"]
        wait_until(lambda: count(other, tool), "the request has arrived")
        life.kill()
    gate.unlink()
    [job] = program.json(*words)["jobs"]
    assert (job["idempotency_key"], job["result"]["steps"]) == (key, 20)
    assert count(other, tool) == 1


def test_a_submission_without_a_key_is_uncertain_after_a_kill_and_the_user_decides(
    other: Server, program_for: ProgramFor
) -> None:
    program = program_for(other)
    gate = other.folder / "gate"
    gate.touch()
    words = ("start", "start_plain", '{"steps": 3}')
    life = program.begin(*words)
    job_id = program.wait_phase("submitting")["job_id"]
    life.kill()
    gate.unlink()
    for asked in (words, ("watch",)):
        said = program.run(*asked)
        assert said.exit == 5
        assert f"resume {job_id} --again" in said.out + said.err
        assert f"forget {job_id}" in said.out + said.err
    assert program.jobs[0]["phase"] == "uncertain"
    [job] = program.json("resume", job_id, "--again")["jobs"]
    assert job["result"] == {"steps": 3}


def test_an_answer_that_is_cut_off_leaves_the_submission_uncertain(other: Server, program_for: ProgramFor) -> None:
    program = program_for(other)
    (other.folder / "gate").touch()
    life = program.begin("start", "start_plain", '{"steps": 3}')
    program.wait_phase("submitting")
    wait_until(lambda: count(other, "start_plain"), "the request has arrived")
    other.kill()
    said = life.said()
    assert said.exit == 5, said
    assert program.jobs[0]["phase"] == "uncertain"


@pytest.mark.parametrize("lives", [3, pytest.param(14, marks=pytest.mark.soak)])
@pytest.mark.parametrize("tool", ["process", pytest.param("migrate", marks=pytest.mark.soak), "start_keyed", "crunch"])
def test_random_kills_leave_one_task_and_a_readable_state(
    server: Server, program_for: ProgramFor, tool: str, lives: int
) -> None:
    """So many lives of the client, ended at random; every fifth time the server goes with it. All three contracts.

    A job of the reference server waits halfway for the last life: one that ends before is delivered, and the same words
    then rightly mean another one.
    """
    dice = random.Random(tool)
    server.other = tool not in COMMANDS
    point = HALFWAY if tool in COMMANDS else ""
    server.start(point)
    program = program_for(server)
    words = COMMANDS.get(tool, ("start", tool, '{"steps": 250}'))
    for number in range(lives):
        life = program.begin("--json", *words)
        _let_live(life, dice.uniform(0, 0.25))
        life.kill()
        assert len(program.jobs) <= 1
        assert program.set_aside() == []
        if number % 5 == 4:
            server.kill()
            server.start(point)
    server.kill()
    server.start()
    [job] = program.json(*words)["jobs"]
    assert job["phase"] == "completed"
    if tool in COMMANDS:
        assert program.json("stats")["server"]["total_tasks"] == 1
    else:
        assert count(server, tool) == 1


def _let_live(life: Life, seconds: float) -> None:
    """A life of this length: the moment of a random kill is a time, there is nothing to wait for."""
    end_s = time.monotonic() + seconds
    while time.monotonic() < end_s:
        time.sleep(0.001)


def test_ctrl_c_detaches_and_says_how_to_come_back(server: Server, program_for: ProgramFor) -> None:
    server.start(HALFWAY)
    program = program_for(server)
    life = program.begin(*MIGRATE)
    server.wait_parked()
    job_id = program.wait_phase("active")["job_id"]
    os.kill(life.pid, signal.SIGINT)
    said = life.said()
    assert said.exit == 130, said
    assert f"Detached. {job_id} goes on at the server" in said.err
    assert f"--state {program.state_file} watch" in said.err
    server.thaw()
    assert program.run("watch").exit == 0


def test_a_submission_repeated_after_its_task_has_ended_ends_with_the_result(
    server: Server, program_for: ProgramFor
) -> None:
    """A client killed before the answer to its submission makes it again: the answer is a task that has ended."""
    server.start()
    program = program_for(server)
    words = ("batch", "--items", "20", "--batch-size", "10", "--delay-s", "0", "--job", "mine")
    [first] = program.json(*words)["jobs"]
    document = program.state
    [job] = document["completed"]
    kept = ("job_id", "tool", "arguments", "submitted_at", "repeatable", "idempotency_key")
    document |= {"completed": [], "active": [{**{name: job[name] for name in kept}, "phase": "submitting"}]}
    program.state_file.write_text(json.dumps(document), encoding="utf-8")
    [again] = program.json(*words)["jobs"]
    assert (again["task_id"], again["result"]) == (first["task_id"], first["result"])
    assert again["result"]["processed"] == 20
