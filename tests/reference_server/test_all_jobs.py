"""The other jobs, and what may be done to any task: pause, resume, cancel, answer, submit once more."""

from __future__ import annotations

import asyncio
import signal
from typing import Any

import pytest

from mcp_crashtest.wire.messages import STATELESS
from tests.reference_server.conftest import Server

TRAIN: dict[str, Any] = {"model_name": "rings", "dataset_size": 200, "epochs": 30}
BATCHES: dict[str, Any] = {"batch_size": 10, "total_items": 60}
MIGRATE: dict[str, Any] = {"source_path": "orders.jsonl", "destination_path": "copy.jsonl", "batch_size": 10}


async def park(server: Server, tool: str, arguments: dict[str, Any], point: str) -> str:
    """Start a server and a job, and wait until the server stands still at a crash point."""
    server.start(points=point)
    return await server.park(tool, **arguments)


def thaw(server: Server) -> None:
    assert server.process
    server.process.send_signal(signal.SIGCONT)


@pytest.mark.asyncio
async def test_a_batch_job_does_its_work_and_says_what_it_did(shared: Server, protocol: str) -> None:
    reply = await shared.call("start_batch_processing", protocol, **BATCHES)
    assert reply.structured
    task = await shared.stopped(reply.structured["task_id"])
    assert task["status"] == "completed"
    assert task["message"] == "Processed 60/60 items"
    result = task["result_data"]
    assert (result["processed"], result["total"], result["batch_size"], result["success"]) == (60, 60, 10, True)
    records = (await shared.read(f"task://records/{task['task_id']}/1"))["records"]
    assert len({record["key"] for record in records}) == 60


@pytest.mark.asyncio
async def test_training_learns_and_its_figures_come_from_the_model(shared: Server) -> None:
    task = await shared.stopped(await shared.start_task("start_ml_training", **TRAIN))
    result = task["result_data"]
    epochs = (await shared.read(f"task://records/{task['task_id']}/1"))["records"]
    assert [epoch["epoch"] for epoch in epochs] == list(range(1, 31))
    assert epochs[-1]["loss"] == result["final_loss"] < epochs[0]["loss"] / 2
    assert result["final_accuracy"] > epochs[0]["accuracy"]
    assert task["message"].startswith("Epoch 30/30 - Loss: ")
    assert result["training_time_seconds"] > 0


@pytest.mark.asyncio
async def test_training_is_bit_identical_after_twenty_kills(fresh: Server) -> None:
    undisturbed = fresh.start()
    golden = await undisturbed.stopped(await undisturbed.start_task("start_ml_training", **TRAIN))
    fresh.kill()
    fresh.clear()
    phases = ("before-write", "written-uncommitted", "committed-unacknowledged", "acknowledged")
    task_id = await park(fresh, "start_ml_training", TRAIN, f"{phases[0]}@2")
    for number in range(1, 20):
        fresh.kill()
        fresh.start(points=f"{phases[number % 4]}@{number + 3}")
        await asyncio.to_thread(fresh.wait_parked)
    fresh.kill()
    fresh.start()
    task = await fresh.stopped(task_id)
    assert task["result_data"]["weights_sha256"] == golden["result_data"]["weights_sha256"]
    assert task["result_data"]["final_loss"] == golden["result_data"]["final_loss"]


@pytest.mark.asyncio
async def test_a_pause_that_was_answered_survives_a_kill_and_the_task_goes_on_where_it_stood(fresh: Server) -> None:
    slow = {**BATCHES, "processing_delay": 0.05}
    task_id = await park(fresh, "start_batch_processing", slow, "acknowledged@2")
    thaw(fresh)
    reply = await fresh.call("pause_task", task_id=task_id)
    assert not reply.is_error, reply.text
    fresh.kill()
    fresh.start()
    paused = await fresh.status(task_id)
    assert (paused["status"], paused["progress"] < 60) == ("paused", True)
    before = len(fresh.executions())
    again = await fresh.call("pause_task", task_id=task_id)
    assert "it is paused" in again.text
    assert (await fresh.status(task_id))["progress"] == paused["progress"]
    assert len(fresh.executions()) == before
    assert not (await fresh.call("resume_task", task_id=task_id)).is_error
    done = await fresh.stopped(task_id)
    assert (done["status"], done["progress"]) == ("completed", 60)
    assert len(fresh.executions()) <= 70, "no more than one batch was done twice, for one kill"


@pytest.mark.asyncio
async def test_a_task_is_paused_and_goes_on_many_times_and_does_nothing_twice(fresh: Server) -> None:
    fresh.start()
    task_id = await fresh.start_task("start_batch_processing", batch_size=1, total_items=300)
    pauses = 0
    while (await fresh.status(task_id))["status"] != "completed":
        if not (await fresh.call("pause_task", task_id=task_id)).is_error:
            pauses += 1
            await fresh.call("resume_task", task_id=task_id)
    assert pauses >= 2
    assert len(fresh.executions()) == 300


@pytest.mark.asyncio
async def test_a_question_survives_a_kill_and_its_answer_lets_the_task_go_on(fresh: Server) -> None:
    (fresh.data / "copy.jsonl").write_text("in the way\n")
    fresh.start()
    task_id = await fresh.start_task("start_data_migration", **MIGRATE, confirm=True)
    asked = await fresh.stopped(task_id)
    assert (asked["status"], list(asked["input_requests"])) == ("input_required", ["overwrite"])
    fresh.kill()
    fresh.start()
    assert (await fresh.status(task_id))["input_requests"] == asked["input_requests"]
    assert (fresh.data / "copy.jsonl").read_text() == "in the way\n"
    answer: dict[str, Any] = {"task_id": task_id, "key": "overwrite", "accept": True, "content": {"overwrite": True}}
    assert not (await fresh.call("answer_task", **answer)).is_error
    assert (await fresh.stopped(task_id))["status"] == "completed"
    assert (fresh.data / "copy.jsonl").read_bytes() == (fresh.data / "orders.jsonl").read_bytes()
    assert "does not wait for an answer" in (await fresh.call("answer_task", **answer)).text


@pytest.mark.asyncio
async def test_a_question_that_is_declined_ends_the_task_and_touches_nothing(fresh: Server) -> None:
    (fresh.data / "copy.jsonl").write_text("in the way\n")
    fresh.start()
    task_id = await fresh.start_task("start_data_migration", **MIGRATE, confirm=True)
    await fresh.stopped(task_id)
    await fresh.call("answer_task", task_id=task_id, key="overwrite", accept=False)
    task = await fresh.stopped(task_id)
    assert (task["status"], task["error"]) == ("failed", "copy.jsonl was not to be overwritten")
    assert (fresh.data / "copy.jsonl").read_text() == "in the way\n"


@pytest.mark.asyncio
async def test_a_migration_goes_through_sqlite_and_back(shared: Server) -> None:
    there: dict[str, Any] = {"source_path": "orders.jsonl", "destination_path": "orders.db"}
    back: dict[str, Any] = {"source_path": "orders.db", "destination_path": "back.jsonl"}
    for step in (there, back):
        task = await shared.stopped(await shared.start_task("start_data_migration", **step))
        assert task["status"] == "completed", task["error"]
    assert (shared.data / "back.jsonl").read_bytes() == (shared.data / "orders.jsonl").read_bytes()


@pytest.mark.asyncio
async def test_an_idempotency_key_attaches_to_its_task_even_when_that_has_ended(fresh: Server) -> None:
    fresh.start()
    keyed = {**BATCHES, "idempotency_key": "once"}
    first = await fresh.start_task("start_batch_processing", **keyed)
    await fresh.stopped(first)
    fresh.kill()
    fresh.start()
    assert await fresh.start_task("start_batch_processing", **keyed) == first
    assert await fresh.start_task("start_batch_processing", **BATCHES) != first
    other = await fresh.call("start_batch_processing", **{**keyed, "total_items": 61})
    assert other.is_error
    assert "used for another request" in other.text
    assert len(fresh.executions()) <= 120


@pytest.mark.asyncio
async def test_the_session_tools_know_a_client_over_restarts(fresh: Server) -> None:
    fresh.start()
    asked: dict[str, Any] = {"dataset_name": "orders", "total_records": 60, "batch_size": 20, "client_id": "someone"}
    assert not (await fresh.call("resumable_data_processing", **asked)).is_error
    fresh.kill()
    fresh.start()
    listed = (await fresh.call("list_session_tasks", client_id="someone")).structured
    assert listed
    assert (listed["persistent_id"], listed["total_tasks"]) == ("someone", 1)
    (task,) = listed["tasks"]
    assert (task["task_name"], task["status"]) == ("resumable_data_processing", "completed")
    assert (task["progress"], task["progress_percent"]) == ("60/60", 100.0)
    assert ((await fresh.call("list_session_tasks", client_id="another")).structured or {})["total_tasks"] == 0
    stats = (await fresh.call("get_checkpoint_stats")).structured
    assert stats
    assert (stats["checkpoint_stats"]["completed"], stats["total_checkpoints"]) == (1, 1)
    session = (await fresh.call("get_session_info", client_id="someone")).structured
    assert session
    assert session["client_id"] == "someone"


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("tool", "arguments", "said"),
    [
        ("start_batch_processing", {"batch_size": 0}, "batch_size must be a whole number from 1"),
        ("start_batch_processing", {"total_items": 10**9}, "total_items must be a whole number from 1"),
        ("start_batch_processing", {"processing_delay": -1}, "processing_delay must be a number of seconds from 0"),
        ("start_batch_processing", {"idempotency_key": "x" * 200}, "idempotency_key must be 1 to 128"),
        ("start_ml_training", {"model_name": ""}, "model_name must be 1 to 128"),
        ("start_ml_training", {"model_name": "m", "dataset_size": 0}, "dataset_size must be a whole number from 1"),
        ("start_ml_training", {"model_name": "m", "epochs": 10**7}, "epochs must be a whole number from 1"),
        ("pause_task", {"task_id": "0" * 32}, "there is no task"),
        ("resume_task", {"task_id": "0" * 32}, "there is no task"),
        ("answer_task", {"task_id": "0" * 32, "key": "k", "accept": True}, "there is no task"),
        ("list_session_tasks", {"client_id": "\x00"}, "client_id must be 1 to 128 printable"),
    ],
)
async def test_what_cannot_be_is_refused(shared: Server, tool: str, arguments: dict[str, Any], said: str) -> None:
    reply = await shared.call(tool, STATELESS, **arguments)
    assert reply.is_error
    assert said in reply.text


@pytest.mark.asyncio
async def test_lists_are_paged_and_agree_with_the_statistics(fresh: Server) -> None:
    fresh.start()
    session = await fresh.open()
    for number in range(230):
        arguments = {"batch_size": 1, "total_items": 1, "idempotency_key": str(number)}
        await session.call_tool("start_batch_processing", arguments, deadline_s=10)
    await session.close()
    page = await fresh.read("task://list")
    seen = [task["task_id"] for task in page["tasks"]]
    while page["next"]:
        page = await fresh.read(page["next"])
        seen += [task["task_id"] for task in page["tasks"]]
    assert len(seen) == len(set(seen)) == page["total"] == 230
    stats = (await fresh.call("get_server_stats")).structured
    assert stats
    assert stats["total_tasks"] == 230
    assert (await fresh.read("task://list/COMPLETED"))["status_filter"] == "completed"
