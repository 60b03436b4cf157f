"""Every command, for people and for scripts, with its exit code."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from tests.reference_client.conftest import RECORDS, Program, Server

ProgramFor = Callable[[Server], Program]


@pytest.fixture
def program(shared: Server, program_for: ProgramFor) -> Program:
    """A new client of a server that is shared."""
    return program_for(shared)


# --- jobs


@pytest.mark.parametrize("era", [("--no-tasks-extension",), ("--protocol", "legacy")])
def test_process_shows_progress_and_the_result(program: Program, era: tuple[str, ...]) -> None:
    said = program.run(*era, "process", "unicode", "--records", "50", "--batch-size", "5")
    assert said.exit == 0, said
    assert "running 10.0% (5/50) - Processed 5/50 records" in said.out
    assert "Task completed: resumable_data_processing" in said.out
    assert "total_processed: 50" in said.out


def test_migrate_ends_with_its_result(program: Program, shared: Server) -> None:
    said = program.run("migrate", "in.jsonl", "copy.jsonl", "--records", "100")
    assert said.exit == 0, said
    assert "migrated_records: 100" in said.out
    assert len((shared.data / "copy.jsonl").read_bytes().splitlines()) == 100


def test_detach_leaves_at_once_and_watch_comes_back(program: Program) -> None:
    said = program.run("migrate", "in.jsonl", "detached.jsonl", "--batch-size", "1", "--detach")
    assert said.exit == 0, said
    assert "is running at the server as job" in said.out
    assert f"Come back with: python -m reference_client --server {program.server.url}" in said.out
    [job] = program.json("watch")["jobs"]
    assert job["result"]["migrated_records"] == RECORDS
    assert program.run("watch").out == "Nothing is under way.\n"


def test_several_jobs_are_watched_at_once(program: Program) -> None:
    program.run("migrate", "in.jsonl", "several-1.jsonl", "--batch-size", "2", "--detach")
    program.run("migrate", "in.jsonl", "several-2.jsonl", "--batch-size", "2", "--detach")
    jobs = program.json("watch")["jobs"]
    assert [job["phase"] for job in jobs] == ["completed", "completed"]


def test_a_named_job_is_the_same_job_for_ever(program: Program) -> None:
    words = ("migrate", "in.jsonl", "named.jsonl", "--job", "nightly")
    first, second = (program.json(*words)["jobs"][0] for _ in range(2))
    assert first["task_id"] == second["task_id"]
    said = program.run("migrate", "in.jsonl", "another.jsonl", "--job", "nightly")
    assert said.exit == 2
    assert "is another request" in said.err


def test_what_the_server_refuses_is_said_in_its_words(program: Program) -> None:
    said = program.run("migrate", "nothing.jsonl", "x.jsonl")
    assert said.exit == 1
    assert "there is no file 'nothing.jsonl' in the data root" in said.out


def test_a_tool_that_is_not_offered_is_a_usage_error_that_names_those_that_are(program: Program) -> None:
    said = program.run("start", "no_such_tool")
    assert said.exit == 2
    assert "resumable_data_processing" in said.err
    assert program.jobs == []


# --- questions


def test_list_shows_the_servers_tasks_and_marks_ours(program: Program, program_for: ProgramFor, shared: Server) -> None:
    [job] = program.json("migrate", "in.jsonl", "listed.jsonl")["jobs"]
    rows = {row["task_id"]: row for row in program.json("list")["tasks"]}
    assert rows[job["task_id"]]["job"] == job["job_id"]
    assert rows[job["task_id"]]["status"] == "completed"
    assert job["task_id"] in program.run("list", "--status", "completed").out
    assert job["task_id"] not in program.run("list", "--status", "failed").out
    assert program_for(shared).json("list", "--mine")["tasks"] == []


def test_status_takes_a_job_a_task_or_the_beginning_of_one(program: Program) -> None:
    [job] = program.json("migrate", "in.jsonl", "status.jsonl")["jobs"]
    for reference in (job["job_id"], job["task_id"], job["task_id"][:10]):
        said = program.run("status", reference)
        assert said.exit == 0, said
        assert "completed 100.0%" in said.out
        assert f"migrated_records: {RECORDS}" in said.out


def test_cancel_is_seen_through(server: Server, program_for: ProgramFor) -> None:
    server.start("acknowledged@100")
    program = program_for(server)
    watching = program.begin("migrate", "long.jsonl", "cancelled.jsonl", "--records", "20000", "--batch-size", "1")
    server.wait_parked()
    job_id = program.wait_phase("active")["job_id"]
    cancelling = program.begin("cancel", job_id)
    server.thaw()
    assert cancelling.said().exit == 0
    said = watching.said()
    assert said.exit == 1
    assert "Task cancelled" in said.out
    again = program.run("cancel", job_id)
    assert again.exit == 1
    assert "it is cancelled" in again.err
    assert program.state["completed"][0]["phase"] == "cancelled"


def test_batch_ends_with_its_result(program: Program) -> None:
    [job] = program.json("batch", "--items", "40", "--batch-size", "10", "--delay-s", "0.01")["jobs"]
    assert (job["result"]["processed"], job["result"]["total"]) == (40, 40)


def test_train_ends_with_its_result(program: Program) -> None:
    [job] = program.json("train", "tiny", "--dataset-size", "200", "--epochs", "3")["jobs"]
    assert job["result"]["epochs_completed"] == 3


@pytest.mark.parametrize(
    ("era", "records"), [((), 6000), (("--no-tasks-extension",), 5000), (("--protocol", "legacy"), 5000)]
)
def test_processing_is_paused_and_goes_on(program: Program, era: tuple[str, ...], records: int) -> None:
    """Paused by a second client while the first is watching; over a resume it ends with the whole result."""
    watching = program.begin(*era, "process", "unicode", "--records", str(records), "--batch-size", "1")
    job = program.wait_job(lambda job: job.get("task_id") is not None, "the task is known by its id")
    assert "paused" in program.run("pause", job["job_id"]).out
    said = watching.said()
    assert said.exit == 6, said
    assert f"'resume {job['job_id']}' lets it go on" in said.out
    assert job["task_id"] in program.run("list", "--status", "paused").out
    assert program.run(*era, "watch").exit == 6, "watching does not let it go on"
    [done] = program.json(*era, "resume", job["job_id"])["jobs"]
    assert (done["phase"], done["task_id"]) == ("completed", job["task_id"])
    assert done["result"]["total_processed"] == records


@pytest.mark.soak  # as the one before, which is blocking
def test_a_task_behind_a_resource_is_paused_and_goes_on(program: Program) -> None:
    words = ("--no-tasks-extension", "migrate", "long.jsonl", "paused.jsonl", "--records", "10000", "--batch-size", "5")
    [job] = program.json(*words, "--detach")["jobs"]
    assert program.run("pause", job["job_id"]).exit == 0
    assert program.run("watch").exit == 6
    again = program.run("pause", job["job_id"])
    assert again.exit == 1
    assert "is not running" in again.err
    assert program.run("resume", "--detach").exit == 0
    assert program.run("watch").exit == 0


@pytest.mark.parametrize("era", [("--no-tasks-extension",), ()])
def test_a_question_before_overwriting_is_answered(program: Program, shared: Server, era: tuple[str, ...]) -> None:
    (shared.data / "there.jsonl").write_text("{}\n")
    said = program.run(*era, "migrate", "in.jsonl", "there.jsonl", "--confirm")
    assert said.exit == 6, said
    job_id = program.state["active"][0]["job_id"]
    [key] = program.json("status", job_id)["input_requests"]
    answer = {key: {"action": "accept", "content": {"overwrite": True}}}
    assert program.run("answer", job_id, json.dumps(answer)).exit == 0
    assert program.json("watch", job_id)["jobs"][0]["result"]["migrated_records"] == RECORDS


def test_stats_count_the_tasks(program: Program) -> None:
    program.run("migrate", "in.jsonl", "counted.jsonl")
    assert program.json("stats")["server"]["completed_tasks"] >= 1
    assert "Completed tasks: " in program.run("stats").out


def test_session_says_who_we_are_and_what_is_under_way(program: Program) -> None:
    program.run("migrate", "in.jsonl", "session.jsonl")
    said = program.run("session")
    assert f"Client ID: {program.state['client_id']}" in said.out
    assert f"Server: {program.server.url}" in said.out
    assert "Active Tasks: 0" in said.out
    assert "Completed Tasks: 1" in said.out
    assert program.json("session")["state_file"] == str(program.state_file)


def test_a_changed_session_id_is_noticed(server: Server, program_for: ProgramFor) -> None:
    server.start()
    program = program_for(server)
    first = program.json("--protocol", "legacy", "session")["session_id"]
    said = program.run("--protocol", "legacy", "session")
    assert f"Session ID of the server changed: {first} → {program.state['session_id']}" in said.err


def test_forget_takes_jobs_out(program: Program) -> None:
    [job] = program.json("migrate", "in.jsonl", "forgotten.jsonl")["jobs"]
    said = program.run("forget", job["job_id"])
    assert said.exit == 0
    assert f"Forgotten: job {job['job_id']}" in said.out
    assert program.jobs == []
    assert program.run("forget", "--ended").exit == 2
    assert program.run("forget", "nobody").exit == 4


def test_a_task_of_somebody_else_can_be_watched(program: Program, program_for: ProgramFor, shared: Server) -> None:
    [job] = program.json("migrate", "in.jsonl", "adopted.jsonl")["jobs"]
    [adopted] = program_for(shared).json("watch", job["task_id"])["jobs"]
    assert (adopted["task_id"], adopted["result"]) == (job["task_id"], job["result"])
