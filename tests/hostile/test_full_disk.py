"""A disk without room: it is said, nothing that was committed is lost, and all goes on by itself when there is room."""

from __future__ import annotations

import asyncio
import resource
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests import warm
from tests.lab import environment
from tests.reference_server.conftest import DEADLINE_S, RECORDS, Server, fill
from tests.reference_server.test_storage import limit_files

DISK_BYTES = 6 << 20
NOT_NOW = 75
Record = Callable[[str, object], None]
STARTS: dict[str, dict[str, Any]] = {
    "start_data_migration": {"source_path": "orders.jsonl", "destination_path": "new/copy.db", "batch_size": 1},
    "start_batch_processing": {"batch_size": 1, "total_items": RECORDS, "processing_delay": 0.02},
    "start_ml_training": {"model_name": "full", "dataset_size": 100, "epochs": 40},
}


@contextmanager
def full(disk: Path) -> Iterator[None]:
    """Nothing more fits on the disk."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file:
        for size in (1 << 16, 1 << 12, 1):
            try:
                while file.write(b"x" * size):
                    pass
            except OSError:
                continue
    yield
    ballast.unlink()


def begun(server: Server) -> subprocess.CompletedProcess[str]:
    """A start that does not come to serving."""
    return warm.run(server.command(), env=environment(), timeout=DEADLINE_S)


async def until_ready(server: Server) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while (await asyncio.to_thread(server.readiness))[0] != 200:
        assert time.monotonic() < deadline, "it does not become ready"
        await asyncio.sleep(0.05)


@pytest.mark.asyncio
@pytest.mark.parametrize("disk", [DISK_BYTES], indirect=True)
async def test_on_a_full_disk_all_tasks_wait_the_server_is_not_ready_and_all_goes_on_when_there_is_room(
    disk: Path, record_property: Record
) -> None:
    fill(disk / "server")
    server = Server(disk / "server").start()
    try:
        ids = [await server.start_task(tool, **arguments) for tool, arguments in STARTS.items()]
        with full(disk):
            status, reason = await asyncio.to_thread(server.readiness)
            assert status == 503
            assert "the store cannot be written now" in reason
            refused = await server.call("start_batch_processing", batch_size=1, total_items=1)
            assert not refused.is_error or "nothing was changed" in refused.text
            waiting = [await server.status(task_id) for task_id in ids]
            assert not any(task["status"] == "failed" for task in waiting), waiting
        await until_ready(server)
        tasks = [await server.stopped(task_id) for task_id in ids]
    finally:
        server.kill()
    assert [task["status"] for task in tasks] == ["completed"] * len(ids), tasks
    assert [path.name for path in (server.data / "new").iterdir()] == ["copy.db"]
    record_property("tries", len(ids))
    record_property("held", len(ids))


@pytest.mark.asyncio
@pytest.mark.parametrize("disk", [DISK_BYTES], indirect=True)
async def test_a_restart_on_a_full_disk_ends_with_a_sentence_and_the_one_after_that_goes_on(disk: Path) -> None:
    fill(disk / "server")
    server = Server(disk / "server").start()
    try:
        task_id = await server.start_task("start_batch_processing", **STARTS["start_batch_processing"])
        while not (await server.status(task_id))["progress"]:
            pass
        server.kill()
        server.store.with_name("tasks.db-shm").unlink()  # as after a restart of the machine, or another life's end
        before = {path: path.read_bytes() for path in server.store.parent.glob("tasks.db*") if path.is_file()}
        with full(disk):
            done = begun(server)
            assert (done.returncode, done.stdout) == (NOT_NOW, "")
            assert done.stderr.count("\n") == 1
            assert "start it again" in done.stderr
            assert {path: path.read_bytes() for path in before} == before
        server.start()
        assert (await server.stopped(task_id))["progress"] == RECORDS
    finally:
        server.kill()


@pytest.mark.soak
@pytest.mark.parametrize("disk", [DISK_BYTES], indirect=True)
def test_a_first_start_on_a_full_disk_ends_with_a_sentence_and_leaves_nothing_in_the_way(disk: Path) -> None:
    fill(disk / "server")
    server = Server(disk / "server")
    with full(disk):
        done = begun(server)
        assert done.returncode == NOT_NOW
        assert done.stderr.count("\n") == 1
    server.start()
    server.kill()


@pytest.mark.soak
@pytest.mark.parametrize("disk", [DISK_BYTES], indirect=True)
def test_a_disk_that_is_read_only_is_not_ready_and_not_started_on(disk: Path) -> None:
    fill(disk / "server")
    server = Server(disk / "server").start()
    try:
        assert server.readiness()[0] == 200
    finally:
        server.kill()
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    assert begun(server).returncode == NOT_NOW


def test_where_no_file_may_grow_the_server_is_not_ready_and_says_so_again_when_it_may(fresh: Server) -> None:
    fresh.start()
    limit_files(fresh, fresh.store.with_name("tasks.db-wal").stat().st_size)
    assert fresh.readiness()[0] == 503
    limit_files(fresh, resource.RLIM_INFINITY)
    assert fresh.readiness()[0] == 200


def test_a_store_that_was_taken_away_is_not_ready(fresh: Server) -> None:
    fresh.start()
    fresh.store.rename(fresh.folder / "backup.db")
    assert fresh.readiness()[0] == 503
    (fresh.folder / "backup.db").rename(fresh.store)
    assert fresh.readiness()[0] == 200
