"""Every command as a person types it: in a pseudo-terminal, from the command line to the exit code."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from reference_client.cli import COMMANDS
from reference_client.errors import Exit
from tests.reference_client.conftest import LONG_RECORDS, RECORDS, Program, Server
from tests.reference_client.terminal import Terminal

LONG = ("--batch-size", "1", "--detach")


class Desk:
    """Somebody at a terminal, whose server and state stay from one command to the next."""

    def __init__(self, program: Program) -> None:
        self.program, self.server = program, program.server

    def types(self, *words: str, exit: int = Exit.DONE) -> str:
        """Type a command; what it has shown when it is over."""
        with Terminal(self.program, *words) as terminal:
            assert terminal.exit() == exit, terminal.text
            return terminal.text

    def leaves_running(self, destination: str) -> str:
        """Start a task that outlasts the test, detach, and give its job's id."""
        shown = self.types("migrate", "long.jsonl", destination, "--records", str(LONG_RECORDS), *LONG)
        assert "is running at the server as job" in shown
        assert "Come back with: python -m reference_client" in shown
        job_id: str = self.job(lambda job: job["phase"] == "active")["job_id"]
        return job_id

    def job(self, fits: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        return self.program.wait_job(fits, "the state has the job")


def process(desk: Desk) -> None:
    shown = desk.types("process", "unicode", "--records", "50", "--batch-size", "5")
    assert "100.0% (50/50)" in shown
    assert "total_processed: 50" in shown


def migrate(desk: Desk) -> None:
    assert f"migrated_records: {RECORDS}" in desk.types("migrate", "in.jsonl", "typed.jsonl")
    assert len((desk.server.data / "typed.jsonl").read_bytes().splitlines()) == RECORDS


def batch(desk: Desk) -> None:
    assert "processed: 30" in desk.types("batch", "--items", "30", "--batch-size", "3")


def train(desk: Desk) -> None:
    assert "epochs_completed: 2" in desk.types("train", "tiny", "--dataset-size", "200", "--epochs", "2")


def start(desk: Desk) -> None:
    shown = desk.types("start", "start_batch_processing", '{"total_items": 30, "batch_size": 3}')
    assert "Task completed: batch_processing" in shown
    assert "the arguments are not JSON" in desk.types("start", "start_batch_processing", "{", exit=Exit.USAGE)


def watch(desk: Desk) -> None:
    desk.types("batch", "--items", "60", "--delay-s", "0.05", *LONG)
    with Terminal(desk.program, "watch") as terminal:
        terminal.expect("Processed")
        desk.server.kill()
        terminal.expect("trying again for up to 60 s")
        desk.server.start()
        terminal.expect("the server is back after")
        terminal.expect("processed: 60")
        assert terminal.exit() == Exit.DONE


def resume(desk: Desk) -> None:
    job_id = desk.leaves_running("resumed.jsonl")
    desk.types("pause", job_id)
    shown = desk.types("watch", job_id, exit=Exit.UNFINISHED)
    assert f"'resume {job_id}' lets it go on" in shown
    assert "Come back with:" in desk.types("resume", job_id, "--detach")
    assert "running" in desk.types("status", job_id)


def forget(desk: Desk) -> None:
    desk.types("batch", "--items", "3")
    job_id = desk.program.jobs[0]["job_id"]
    assert f"Forgotten: job {job_id} (completed)" in desk.types("forget", job_id)
    assert desk.program.jobs == []
    assert "name the jobs to forget" in desk.types("forget", exit=Exit.USAGE)


def list_(desk: Desk) -> None:
    desk.types("batch", "--items", "3", "--job", "listed")
    task_id = desk.program.jobs[0]["task_id"]
    assert task_id in desk.types("list")
    assert task_id in desk.types("list", "--status", "completed", "--mine")
    assert task_id not in desk.types("list", "--status", "failed")


def status(desk: Desk) -> None:
    desk.types("batch", "--items", "3")
    shown = desk.types("status", desk.program.jobs[0]["job_id"])
    assert "completed 100.0%" in shown
    assert "processed: 3" in shown
    assert "there has never been a task" in desk.types("status", "0123456789", exit=Exit.GONE)


def cancel(desk: Desk) -> None:
    job_id = desk.leaves_running("cancelled.jsonl")
    assert "cancelled" in desk.types("cancel", job_id)
    assert "it is cancelled" in desk.types("cancel", job_id, exit=Exit.FAILED)
    assert not (desk.server.data / "cancelled.jsonl").exists()


def pause(desk: Desk) -> None:
    job_id = desk.leaves_running("paused.jsonl")
    assert "paused" in desk.types("pause", job_id)
    assert "paused" in desk.types("status", job_id)
    assert "is not running" in desk.types("pause", job_id, exit=Exit.FAILED)


def answer(desk: Desk) -> None:
    (desk.server.data / "there.jsonl").write_text("{}\n")
    assert "it waits for input" in desk.types("migrate", "in.jsonl", "there.jsonl", "--confirm", exit=Exit.UNFINISHED)
    job_id = desk.program.jobs[0]["job_id"]
    [key] = desk.program.json("status", job_id)["input_requests"]
    assert key in desk.types("status", job_id)
    desk.types("answer", job_id, json.dumps({key: {"action": "accept", "content": {"overwrite": True}}}))
    assert f"migrated_records: {RECORDS}" in desk.types("watch", job_id)


def stats(desk: Desk) -> None:
    desk.types("batch", "--items", "3")
    assert "Completed tasks: " in desk.types("stats")


def session(desk: Desk) -> None:
    desk.types("batch", "--items", "3")
    shown = desk.types("session")
    assert f"Client ID: {desk.program.state['client_id']}" in shown
    assert "Completed Tasks: 1" in shown
    assert f"State file: {desk.program.state_file}" in shown


TYPED = {
    **{told.__name__: told for told in (process, migrate, batch, train, start, watch, resume, forget)},
    **{told.__name__: told for told in (status, cancel, pause, answer, stats, session)},
    "list": list_,
}


def test_every_command_is_typed_here() -> None:
    assert set(TYPED) == set(COMMANDS)


@pytest.mark.parametrize("command", TYPED)
def test_a_command_typed_into_a_terminal(
    server: Server, program_for: Callable[[Server], Program], command: str
) -> None:
    server.start()
    program = program_for(server)
    program.cold = command == "process"
    TYPED[command](Desk(program))
