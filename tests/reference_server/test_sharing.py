"""Sharing one server: whatever one user's tasks do or wait for, another's go on, and what is cancelled is let go."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import pytest

from reference_server import turns
from reference_server.crashpoints import CrashPoints
from reference_server.data_root import DataRoot
from reference_server.effects import Effects
from reference_server.engine import Engine, Settings
from reference_server.kinds import batches, migration
from reference_server.lifecycle import Status
from reference_server.sources import JsonLines
from reference_server.store import Store
from reference_server.table_source import Table
from reference_server.task import Submission
from tests.reference_server.conftest import DEADLINE_S, Server, token_file
from tests.reference_server.places import place, prepared
from tests.reference_server.tables import made
from tests.reference_server.test_principals import client, start, wait_for

pytestmark = pytest.mark.asyncio

MANY = 300  # more than one owner has places
HOUR_S = 3600.0


def batch_task(key: str, owner: str, items: int = 2, delay_s: float = HOUR_S) -> Submission:
    """A task of one item a batch."""
    parameters = {"total_items": items, "processing_delay": delay_s}
    return Submission(batches.KIND, key, parameters, total=items, batch_size=1, owner=owner)


def left_behind(folder: Path, submissions: list[Submission]) -> list[str]:
    """A store with these tasks, as a life that ended too soon leaves them."""
    with closing(Store(prepared(folder))) as store, store.transaction():
        return [
            store.submit(f"{n:032x}", wanted, most_unfinished=2 * MANY).task_id for n, wanted in enumerate(submissions)
        ]


async def until(holds: Callable[[], Awaitable[bool]], story: str) -> None:
    try:
        async with asyncio.timeout(DEADLINE_S):
            while not await holds():  # noqa: ASYNC110
                await asyncio.sleep(0.02)
    except TimeoutError:
        pytest.fail(story)


async def stats(server: Server) -> dict[str, Any]:
    reply = await server.call("get_server_stats")
    assert reply.structured
    return dict(reply.structured)


# --- one user and another


@pytest.mark.parametrize(("items", "delay_s"), [(2, HOUR_S), (10_000, 0.0)], ids=["resting", "busy"])
async def test_behind_a_restart_the_tasks_of_one_user_do_not_keep_anothers_waiting(
    fresh: Server, items: int, delay_s: float
) -> None:
    left_behind(fresh.folder, [batch_task(f"{n}", "ann", items, delay_s) for n in range(MANY)])
    fresh.extra = ("--tokens", str(token_file(fresh.folder)))
    fresh.start()
    async with client(fresh, "ben") as ben:
        task_id = await start(ben, "start_batch_processing", batch_size=1, total_items=10)
        task = await wait_for(ben, task_id)
    assert (task["status"], task["progress"]) == ("completed", 10)


def _stand(store: Store, tasks: list[str]) -> set[tuple[Status, int]]:
    found = [store.get(task_id) for task_id in tasks]
    return {(task.status, task.progress) for task in found}


async def test_tasks_that_rest_keep_no_other_of_the_same_user_waiting_and_lose_nothing(fresh: Server) -> None:
    resting = left_behind(fresh.folder, [batch_task(f"{n}", "") for n in range(MANY)])
    fresh.start()
    task_id = await fresh.start_task("start_batch_processing", batch_size=5, total_items=10)
    assert (await fresh.stopped(task_id))["progress"] == 10
    with closing(Store(fresh.place)) as store:
        async with asyncio.timeout(DEADLINE_S):
            while _stand(store, resting) != {(Status.RUNNING, 1)}:  # noqa: ASYNC110  nobody tells of a row
                await asyncio.sleep(0.05)
    assert sorted(set(fresh.executions())) == [f"item_{n:06d}" for n in range(10)]
    assert len(fresh.executions()) == MANY + 10


# --- what is cancelled or paused


@pytest.mark.parametrize(("tool", "status"), [("cancel_task", "cancelled"), ("pause_task", "paused")])
async def test_a_task_that_rests_stops_at_once_and_nothing_of_it_is_left(fresh: Server, tool: str, status: str) -> None:
    fresh.start()
    task_id = await fresh.start_task("start_batch_processing", batch_size=1, total_items=2, processing_delay=HOUR_S)

    async def rests() -> bool:
        return bool((await fresh.status(task_id))["progress"] == 1)

    await until(rests, "its first batch is not done")
    assert not (await fresh.call(tool, task_id=task_id)).is_error
    assert (await fresh.status(task_id))["status"] == status

    async def is_let_go() -> bool:
        return bool((await stats(fresh))["active_background_tasks"] == 0)

    await until(is_let_go, f"it is {status} and still in memory")


async def test_a_task_that_was_paused_at_rest_goes_on_when_it_is_to(fresh: Server) -> None:
    fresh.start()
    task_id = await fresh.start_task("start_batch_processing", batch_size=1, total_items=2, processing_delay=HOUR_S)

    async def rests() -> bool:
        return bool((await fresh.status(task_id))["progress"] == 1)

    await until(rests, "its first batch is not done")
    for tool in ("pause_task", "resume_task"):
        assert not (await fresh.call(tool, task_id=task_id)).is_error
    task = await fresh.stopped(task_id)
    assert (task["status"], task["progress"]) == ("completed", 2)
    assert fresh.executions() == ["item_000000", "item_000001"]


# --- two processes


async def test_what_another_process_cancels_rests_no_longer_and_what_it_lets_go_on_goes_on(fresh: Server) -> None:
    fresh.start()
    asked = {"batch_size": 1, "total_items": 2, "processing_delay": HOUR_S}
    ids = [await fresh.start_task("start_batch_processing", **asked, idempotency_key=key) for key in ("one", "two")]

    async def both_rest() -> bool:
        return [(await fresh.status(task_id))["progress"] for task_id in ids] == [1, 1]

    async def are_let_go() -> bool:
        return bool((await stats(fresh))["active_background_tasks"] == 0)

    await until(both_rest, "the first batches are not done")
    other = Server(fresh.folder).start()
    try:
        assert not (await other.call("cancel_task", task_id=ids[0])).is_error
        assert not (await other.call("pause_task", task_id=ids[1])).is_error
        await until(are_let_go, "they are cancelled and paused elsewhere, and still in memory")
        assert not (await other.call("resume_task", task_id=ids[1])).is_error
        task = await fresh.stopped(ids[1])
    finally:
        other.kill()
    assert (task["status"], task["progress"]) == ("completed", 2)
    assert (await fresh.status(ids[0]))["status"] == "cancelled"
    assert sorted(fresh.executions()) == ["item_000000", "item_000000", "item_000001"]


# --- one place


@asynccontextmanager
async def engine(folder: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Engine]:
    """An engine in which an owner has one place."""
    monkeypatch.setattr(turns, "_PLACES", 1)
    running = Engine(Settings(place(folder), DataRoot(folder), Effects(None), CrashPoints("")))
    await running.start()
    try:
        yield running
    finally:
        await running.stop()


def migration_of(name: str, source: Table | JsonLines, destination: str, confirm: bool = False) -> Submission:
    parameters = {"source_path": name, "destination_path": destination, "confirm": confirm}
    parameters |= {"fingerprint": source.fingerprint()}
    return Submission(migration.KIND, destination, parameters, total=1, batch_size=1, target=destination)


def it_is(running: Engine, task_id: str, status: Status) -> Callable[[], Awaitable[bool]]:
    async def holds() -> bool:
        return (await running.read(lambda store: store.get(task_id))).status is status

    return holds


async def test_a_task_that_waits_for_storage_takes_no_place_and_is_let_go_when_it_is_cancelled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = made(tmp_path / "source.db", "CREATE TABLE t (x)", "INSERT INTO t VALUES (1)")
    wanted = [migration_of("source.db", Table(source), f"copy-{n}.jsonl") for n in range(2)]
    with closing(sqlite3.connect(source, isolation_level=None)) as locking:
        locking.execute("BEGIN EXCLUSIVE")
        async with engine(tmp_path, monkeypatch) as running:
            stuck, cancelled = [(await running.submit(one)).task_id for one in wanted]
            free = (await running.submit(batch_task("free", "", items=10, delay_s=0.0))).task_id
            await until(it_is(running, free, Status.COMPLETED), "it waits for those that wait for storage")
            assert await running.cancel(cancelled)
            await until(it_is(running, cancelled, Status.CANCELLED), "it is not cancelled")

            async def one_is_left() -> bool:
                return running.active() == 1

            await until(one_is_left, "what is cancelled waits on")
            locking.execute("ROLLBACK")
            await until(it_is(running, stuck, Status.COMPLETED), "it does not go on when it can")
    assert (tmp_path / "copy-0.jsonl").read_text() == '{"x": 1}\n'
    assert not (tmp_path / "copy-1.jsonl").exists()


async def test_tasks_that_ask_or_are_paused_take_no_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "source.jsonl").write_text('{"x": 1}\n')
    (tmp_path / "copy.jsonl").write_text("in the way\n")
    asking = migration_of("source.jsonl", JsonLines(tmp_path / "source.jsonl"), "copy.jsonl", confirm=True)
    async with engine(tmp_path, monkeypatch) as running:
        asks = (await running.submit(asking)).task_id
        await until(it_is(running, asks, Status.INPUT_REQUIRED), "it does not ask")
        rests = (await running.submit(batch_task("rests", ""))).task_id
        assert await running.pause(rests)
        free = (await running.submit(batch_task("free", "", items=10, delay_s=0.0))).task_id
        await until(it_is(running, free, Status.COMPLETED), "it waits for those that wait for their owner")
        assert running.active() == 0
        asked = await running.read(lambda store: store.get(asks))
        assert await running.answer(asked, {migration.OVERWRITE: {"action": "accept", "content": {"overwrite": True}}})
        await until(it_is(running, asks, Status.COMPLETED), "its answer does not let it go on")
    assert (tmp_path / "copy.jsonl").read_text() == '{"x": 1}\n'
