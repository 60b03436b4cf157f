"""Several processes on one store: each task is executed by one of them, and who was replaced writes nothing."""

from __future__ import annotations

import asyncio
import signal
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from tests.reference_server.conftest import Server

ITEMS = 60
REFUSED_S = 10  # one who waits is refused after three seconds, however many wait


@pytest.fixture
def pair(fresh: Server) -> Iterator[tuple[Server, Server]]:
    """Two servers on one store and one data root; neither runs yet."""
    second = Server(fresh.folder)
    yield fresh, second
    if second.process:
        second.kill()


@pytest.mark.asyncio
async def test_two_processes_execute_each_task_once_and_see_the_same(pair: tuple[Server, Server]) -> None:
    servers = [server.start() for server in pair]
    asked = [{"batch_size": 5, "total_items": ITEMS, "idempotency_key": f"job {n}"} for n in range(12)]
    calls = [server.start_task("start_batch_processing", **one) for one in asked for server in servers]
    ids = await asyncio.gather(*calls)
    assert len(set(ids)) == len(asked)
    for task_id in set(ids):
        task = await servers[0].stopped(task_id)
        assert (task["status"], task["progress"]) == ("completed", ITEMS)
        assert await servers[1].status(task_id) == task
    executed = Counter(pair[0].executions())
    assert set(executed.values()) == {len(asked)}, "each item once for each task"
    assert sum(executed.values()) == len(asked) * ITEMS


@pytest.mark.asyncio
async def test_a_blocking_call_to_one_process_follows_the_task_in_the_other(pair: tuple[Server, Server]) -> None:
    asked: dict[str, Any] = {"dataset_name": "orders", "total_records": 60, "batch_size": 1, "client_id": "c"}
    servers = [server.start() for server in pair]
    replies = await asyncio.gather(*(server.call("resumable_data_processing", **asked) for server in servers))
    assert replies[0].structured == replies[1].structured
    assert len(pair[0].executions()) == 60


@pytest.mark.asyncio
async def test_the_tasks_of_a_process_that_was_killed_are_taken_over_at_once(pair: tuple[Server, Server]) -> None:
    first, second = pair
    first.start(points="committed-unacknowledged@3")
    second.start()
    task_id = await first.park("start_batch_processing", batch_size=10, total_items=ITEMS)
    first.kill()
    async with asyncio.timeout(4):  # one look a second, and no lease that has to run out
        task = await second.stopped(task_id)
    assert (task["status"], len(second.executions())) == ("completed", ITEMS)


@pytest.mark.asyncio
@pytest.mark.parametrize("phase", ["before-write", pytest.param("committed-unacknowledged", marks=pytest.mark.soak)])
async def test_a_process_that_was_frozen_and_replaced_writes_nothing_when_it_thaws(
    pair: tuple[Server, Server], phase: str
) -> None:
    first, second = pair
    first.start(points=f"{phase}@3")
    second.start()
    task_id = await first.park("start_batch_processing", batch_size=10, total_items=ITEMS)
    task = await second.stopped(task_id)
    assert task["status"] == "completed"
    records = await second.read(f"task://records/{task_id}/1")
    executions = len(second.executions())
    assert executions == ITEMS + (10 if phase == "before-write" else 0)
    assert first.process
    first.process.send_signal(signal.SIGCONT)
    assert await first.status(task_id) == task
    assert await first.read(f"task://records/{task_id}/1") == records
    assert (await first.stopped(await first.start_task("start_batch_processing", total_items=1)))["progress"] == 1
    assert len(second.executions()) == executions + 1


@pytest.mark.sqlite
@pytest.mark.asyncio
async def test_a_process_that_is_frozen_inside_a_write_keeps_others_from_writing_until_it_is_killed(
    pair: tuple[Server, Server],
) -> None:
    """SQLite's lock is the frozen one's: nobody may break it, and nobody waits for it for long."""
    first, second = pair
    first.start(points="written-uncommitted@3")
    second.start()
    task_id = await first.park("start_batch_processing", batch_size=10, total_items=ITEMS)
    asked = [second.call("start_batch_processing", total_items=1, idempotency_key=str(n)) for n in range(6)]
    async with asyncio.timeout(REFUSED_S):
        replies, ready = await asyncio.gather(asyncio.gather(*asked), asyncio.to_thread(second.readiness))
    assert all("the store cannot be written now" in reply.text for reply in replies)
    assert ready[0] == 503
    assert (await second.status(task_id))["progress"] == 20, "reading goes on"
    first.kill()
    async with asyncio.timeout(6):  # one look a second; what waits looks again within five
        task = await second.stopped(task_id)
    assert (task["status"], len(second.executions())) == ("completed", ITEMS + 10)
    assert (await second.read("task://list"))["total"] == 1
