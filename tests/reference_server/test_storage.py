"""Bad days: the disk is full, the store is broken. A clear error, and nothing that was committed is lost."""

from __future__ import annotations

import resource
import signal

import pytest

from tests.reference_server.conftest import Server

pytestmark = pytest.mark.sqlite

BATCHES = {"batch_size": 10, "total_items": 3000}


def limit_files(server: Server, size_bytes: int) -> None:
    """No file of this process may grow beyond: SQLite sees what a full disk shows it."""
    assert server.process
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (size_bytes, resource.RLIM_INFINITY))


@pytest.mark.asyncio
async def test_with_a_full_disk_the_task_waits_and_goes_on_when_there_is_room_again(fresh: Server) -> None:
    fresh.start(points="acknowledged@3")
    task_id = await fresh.park("start_batch_processing", **BATCHES)
    limit_files(fresh, fresh.store.with_name("tasks.db-wal").stat().st_size)
    assert fresh.process
    fresh.process.send_signal(signal.SIGCONT)
    refused = await fresh.call("start_batch_processing", batch_size=1, total_items=1, idempotency_key="one more")
    assert refused.is_error
    assert "the store cannot be written now" in refused.text
    assert "nothing was changed" in refused.text
    stuck = await fresh.status(task_id)
    assert (stuck["status"], stuck["progress"]) == ("running", 30)
    limit_files(fresh, resource.RLIM_INFINITY)
    task = await fresh.stopped(task_id)
    assert (task["status"], task["progress"]) == ("completed", 3000)
    assert (await fresh.read("task://list"))["total"] == 1


@pytest.mark.asyncio
@pytest.mark.soak
async def test_a_kill_on_a_full_disk_loses_nothing_that_was_committed(fresh: Server) -> None:
    fresh.start(points="acknowledged@3")
    task_id = await fresh.park("start_batch_processing", **BATCHES)
    limit_files(fresh, fresh.store.with_name("tasks.db-wal").stat().st_size)
    assert fresh.process
    fresh.process.send_signal(signal.SIGCONT)
    await fresh.call("start_batch_processing", batch_size=1, total_items=1)
    fresh.kill()
    fresh.start()
    task = await fresh.stopped(task_id)
    assert (task["status"], task["progress"]) == ("completed", 3000)


def test_a_damaged_store_is_refused_and_left_as_it_is(fresh: Server) -> None:
    fresh.start()
    fresh.kill(signal.SIGTERM)
    content = fresh.store.read_bytes()
    broken = content[:100] + b"\0" * 4096 + content[4196:]
    fresh.store.write_bytes(broken)
    said = fresh.refuses()
    assert "damaged" in said
    assert "move it away" in said
    assert fresh.store.read_bytes() == broken
