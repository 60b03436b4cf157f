"""The two jobs, undisturbed and crashed at every crash point: what comes out is what an undisturbed run gives."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import signal
from collections import Counter
from typing import Any

import pytest

from mcp_crashtest.wire.errors import WireError
from mcp_crashtest.wire.messages import HANDSHAKE, STATELESS
from reference_server.crashpoints import PHASES
from tests.reference_server.conftest import BATCH, DEADLINE_S, RECORDS, Server

PROCESS: dict[str, Any] = {
    "dataset_name": "orders",
    "total_records": RECORDS,
    "batch_size": BATCH,
    "client_id": "someone",
}
MIGRATE: dict[str, Any] = {
    "source_path": "orders.jsonl",
    "destination_path": "copy.jsonl",
    "record_count": RECORDS,
    "batch_size": BATCH,
}


async def finished(server: Server, task_id: str) -> dict[str, Any]:
    """Poll until the task has ended."""
    return await server.stopped(task_id)


async def records_of(server: Server, uri: str | None) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while uri:
        page = await server.read(uri)
        found += page["records"]
        uri = page["next"]
    return found


@pytest.mark.asyncio
async def test_processing_gives_every_record_its_first_five_and_a_digest(shared: Server, protocol: str) -> None:
    seen: list[tuple[float, float | None, str | None]] = []
    session = await shared.open(protocol)
    reply = await session.call_tool(
        "resumable_data_processing",
        {**PROCESS, "client_id": f"first-{protocol}"},
        deadline_s=DEADLINE_S,
        on_progress=lambda *progress: seen.append(progress),
    )
    await session.close()
    result = reply.structured
    assert result
    assert result["total_processed"] == RECORDS
    assert result["status"] == "completed"
    assert len(result["digest"]) == 64
    records = await records_of(shared, result["records_uri"])
    assert [r["record_id"] for r in records] == [f"orders_{n:06d}" for n in range(RECORDS)]
    assert result["records"] == records[:5]
    assert seen == [(n, RECORDS, f"Processed {n}/{RECORDS} records") for n in range(BATCH, RECORDS + 1, BATCH)]


@pytest.mark.asyncio
async def test_the_same_call_gets_the_same_task_and_another_client_its_own(shared: Server) -> None:
    call = {**PROCESS, "client_id": "one"}
    first, again = [(await shared.call("resumable_data_processing", **call)).structured for _ in range(2)]
    other = (await shared.call("resumable_data_processing", **{**call, "client_id": "two"})).structured
    assert first == again
    assert other
    assert first
    assert other["task_id"] != first["task_id"]
    assert other["digest"] == first["digest"]


@pytest.mark.asyncio
async def test_concurrent_calls_attach_to_one_execution(shared: Server) -> None:
    before = Counter(shared.executions())
    call: dict[str, Any] = {
        "dataset_name": "unicode",
        "total_records": 2000,
        "batch_size": 50,
        "client_id": "everybody",
    }
    replies = await asyncio.gather(*(shared.call("resumable_data_processing", **call) for _ in range(4)))
    assert len({json.dumps(reply.structured) for reply in replies}) == 1
    executed = Counter(shared.executions()) - before
    assert len(executed) == 2000
    assert set(executed.values()) == {1}


@pytest.mark.asyncio
async def test_the_unicode_database_has_more_than_a_page_of_records(shared: Server) -> None:
    call: dict[str, Any] = {"dataset_name": "unicode", "total_records": 1200, "batch_size": 500, "client_id": "pages"}
    result = (await shared.call("resumable_data_processing", **call)).structured
    assert result
    records = await records_of(shared, result["records_uri"])
    assert len(records) == 1200
    assert records[65]["value"].startswith("u+0041 a latin capital letter a")


@pytest.mark.asyncio
async def test_a_migration_answers_at_once_and_its_copy_is_exact(shared: Server, protocol: str) -> None:
    destination = f"copy-{protocol}.jsonl"
    reply = await shared.call("start_data_migration", protocol, **{**MIGRATE, "destination_path": destination})
    assert reply.structured
    assert [c["uri"] for c in reply.content if c["type"] == "resource_link"] == [reply.structured["resource_uri"]]
    status = await finished(shared, reply.structured["task_id"])
    assert status["status"] == "completed"
    assert status["result_data"]["migrated_records"] == RECORDS
    assert (shared.data / destination).read_bytes() == (shared.data / "orders.jsonl").read_bytes()


@pytest.mark.asyncio
async def test_a_migration_converts_between_csv_and_json_lines(shared: Server) -> None:
    for source, destination in (("table.csv", "table-2.jsonl"), ("table-2.jsonl", "table-3.csv")):
        moved = {**MIGRATE, "source_path": source, "destination_path": destination}
        reply = await shared.call("start_data_migration", **moved)
        assert reply.structured, reply.text
        assert (await finished(shared, reply.structured["task_id"]))["status"] == "completed"
    texts = [(shared.data / name).read_text() for name in ("table.csv", "table-3.csv")]
    first, last = (list(csv.reader(io.StringIO(text, newline=""))) for text in texts)
    assert first == last
    assert len(first) == RECORDS + 1


@pytest.mark.asyncio
async def test_lists_and_statistics_agree(shared: Server) -> None:
    listed = await shared.read("task://list")
    stats = (await shared.call("get_server_stats")).structured
    assert stats
    assert stats["total_tasks"] == listed["total"]
    by_status = Counter(task["status"] for task in listed["tasks"])
    assert stats["completed_tasks"] == by_status["completed"] == (await shared.read("task://list/completed"))["total"]


@pytest.mark.asyncio
@pytest.mark.parametrize("batch", [1, 3, 6])
@pytest.mark.parametrize("phase", PHASES)
async def test_a_job_that_is_killed_at_a_crash_point_goes_on_exactly(fresh: Server, phase: str, batch: int) -> None:
    """Both jobs in one life: the migration is killed at the point, and the processing wherever it is then."""
    fresh.start(points=f"{phase}@{batch}")
    await fresh.park("start_data_migration", **MIGRATE)
    fresh.kill()
    fresh.start()
    again = await fresh.call("start_data_migration", **{**MIGRATE})
    assert again.structured, again.text
    status = await finished(fresh, again.structured["task_id"])
    assert status["status"] == "completed", status
    assert (fresh.data / "copy.jsonl").read_bytes() == (fresh.data / "orders.jsonl").read_bytes()
    tasks = (await fresh.read("task://list"))["total"]
    rework = len(fresh.executions()) - tasks * RECORDS
    assert 0 <= rework <= BATCH


@pytest.mark.asyncio
@pytest.mark.parametrize("era", [STATELESS, pytest.param(HANDSHAKE, marks=pytest.mark.soak)])
@pytest.mark.parametrize("phase", PHASES)
async def test_a_call_that_is_made_again_after_a_kill_continues(fresh: Server, phase: str, era: str) -> None:
    fresh.start(points=f"{phase}@4")
    call = asyncio.create_task(fresh.call("resumable_data_processing", era, **PROCESS))
    await asyncio.to_thread(fresh.wait_parked)
    fresh.kill()
    with pytest.raises(WireError):
        await call
    fresh.start()
    result = (await fresh.call("resumable_data_processing", era, **PROCESS)).structured
    assert result
    assert result["total_processed"] == RECORDS
    executed = Counter(fresh.executions())
    assert len(executed) == RECORDS
    repeated = sum(executed.values()) - RECORDS
    assert repeated == (BATCH if phase in ("before-write", "written-uncommitted") else 0)


@pytest.mark.asyncio
async def test_a_cancel_that_was_answered_survives_a_kill(fresh: Server) -> None:
    fresh.start(points="acknowledged@2")
    many = 20_000  # more than a fast disk takes before the cancel arrives
    (fresh.data / "many.jsonl").write_text("".join(f'{{"id": "r{n}"}}\n' for n in range(many)), encoding="utf-8")
    big: dict[str, Any] = {
        "source_path": "many.jsonl",
        "destination_path": "copy.jsonl",
        "record_count": many,
        "batch_size": 1,
    }
    task_id = await fresh.park("start_data_migration", **big)
    assert fresh.process
    fresh.process.send_signal(signal.SIGCONT)
    reply = await fresh.call("cancel_task", task_id=task_id)
    assert not reply.is_error, reply.text
    fresh.kill()
    fresh.start()
    status = await fresh.read(f"task://status/{task_id}")
    assert status["status"] == "cancelled"
    assert not (fresh.data / "copy.jsonl").exists()
    again = await fresh.call("cancel_task", task_id=task_id)
    assert again.is_error
    assert "it is cancelled" in again.text


@pytest.mark.asyncio
async def test_sigterm_stops_cleanly_and_leaves_the_task_to_the_next_life(fresh: Server) -> None:
    fresh.cold = True
    fresh.start(points="acknowledged@2")
    task_id = await fresh.park("start_data_migration", **{**MIGRATE, "batch_size": 1})
    assert fresh.process
    fresh.process.send_signal(signal.SIGTERM)
    fresh.process.send_signal(signal.SIGCONT)
    assert await asyncio.to_thread(fresh.process.wait, DEADLINE_S) == 0
    fresh.kill()
    fresh.start()
    status = await finished(fresh, task_id)
    assert status["status"] == "completed"
    assert len(fresh.executions()) == RECORDS
    assert (fresh.data / "copy.jsonl").read_bytes() == (fresh.data / "orders.jsonl").read_bytes()


@pytest.mark.asyncio
async def test_a_source_that_has_changed_fails_the_migration(fresh: Server) -> None:
    fresh.start(points="acknowledged@2")
    task_id = await fresh.park("start_data_migration", **MIGRATE)
    fresh.kill()
    with (fresh.data / "orders.jsonl").open("a") as file:
        file.write('{"id": "late"}\n')
    fresh.start()
    status = await finished(fresh, task_id)
    assert status["status"] == "failed"
    assert "has changed since the task began" in status["error"]
    assert status["progress"] == 2 * BATCH


@pytest.mark.asyncio
async def test_a_source_that_is_gone_fails_the_migration_and_says_so(fresh: Server) -> None:
    fresh.start(points="acknowledged@2")
    task_id = await fresh.park("start_data_migration", **MIGRATE)
    fresh.kill()
    (fresh.data / "orders.jsonl").unlink()
    fresh.start()
    task = await finished(fresh, task_id)
    assert task["status"] == "failed"
    assert "orders.jsonl cannot be used: No such file" in task["error"]


@pytest.mark.asyncio
async def test_a_dataset_that_has_changed_is_another_job_and_the_old_one_fails(fresh: Server) -> None:
    fresh.start(points="acknowledged@2")
    calling = asyncio.create_task(fresh.call("resumable_data_processing", **PROCESS))
    await asyncio.to_thread(fresh.wait_parked)
    fresh.kill()
    with pytest.raises(WireError):
        await calling
    with (fresh.data / "orders.jsonl").open("a") as file:
        file.write('{"id": "one more"}\n')
    fresh.start()
    reply = await fresh.call("resumable_data_processing", **PROCESS)
    assert reply.structured
    assert reply.structured["total_processed"] == RECORDS
    failed = (await fresh.read("task://list/failed"))["tasks"]
    assert len(failed) == 1
    assert "orders.jsonl has changed" in failed[0]["error"] or "orders has changed" in failed[0]["error"]
    assert failed[0]["task_id"] != reply.structured["task_id"]
