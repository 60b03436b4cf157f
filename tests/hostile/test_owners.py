"""Users of one server who would like to have what is another's, or all the room that there is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from fastmcp import Client
from fastmcp.exceptions import ToolError

from reference_server.data_root import folder_name
from tests.reference_server.conftest import Server, token_file
from tests.reference_server.test_principals import client, start, wait_for

pytestmark = pytest.mark.asyncio
Recorded = Callable[[str, object], None]
MIGRATION = "start_data_migration"


def with_users(server: Server, *options: str) -> Server:
    server.extra = ("--tokens", str(token_file(server.folder)), *options)
    return server.start()


async def refused(connected: Client[Any], tool: str, **arguments: Any) -> str:
    with pytest.raises(ToolError) as error:
        await connected.call_tool(tool, arguments)
    return str(error.value)


# Paths of ben's, who would like to read or to write what is ann's; and what he is told.
ELSEWHERE = {
    ("out.jsonl", "mine.jsonl"): "there is no file 'out.jsonl'",
    ("users/ann/out.jsonl", "mine.jsonl"): "there is no file 'users/ann/out.jsonl'",
    ("../ann/out.jsonl", "mine.jsonl"): "no '..', not absolute",
    ("shared/../users/ann/out.jsonl", "mine.jsonl"): "no '..', not absolute",
    ("shared/orders.jsonl", "shared/mine.jsonl"): "for reading",
    ("shared/orders.jsonl", "./shared/mine.jsonl"): "for reading",
    ("shared/orders.jsonl", "../ann/out.jsonl"): "no '..', not absolute",
    ("shared/link.jsonl", "mine.jsonl"): "leads out of the data root",
}


async def test_each_user_has_a_folder_and_reads_what_is_shared(fresh: Server, record_property: Recorded) -> None:
    shared = fresh.data / "shared"
    shared.mkdir()
    (fresh.data / "orders.jsonl").rename(shared / "orders.jsonl")
    (shared / "link.jsonl").symlink_to("../users/ann/out.jsonl")
    with_users(fresh)
    async with client(fresh, "ann") as ann, client(fresh, "ben") as ben:
        copying = {"source_path": "shared/orders.jsonl", "destination_path": "out.jsonl", "record_count": 60}
        assert (await wait_for(ann, await start(ann, MIGRATION, **copying)))["status"] == "completed"
        held = 0
        for (source, destination), text in ELSEWHERE.items():
            held += text in await refused(ben, MIGRATION, source_path=source, destination_path=destination)
        record_property("tries", len(ELSEWHERE))
        record_property("held", held)
        assert held == len(ELSEWHERE)
        assert (await wait_for(ben, await start(ben, MIGRATION, **copying)))["status"] == "completed"
        processing = {"dataset_name": "orders", "total_records": 20, "client_id": "c"}
        assert (await ben.call_tool("resumable_data_processing", processing)).data["total_processed"] == 20
        again = {**copying, "source_path": "out.jsonl", "destination_path": "orders.jsonl", "record_count": 5}
        await wait_for(ben, await start(ben, MIGRATION, **again))  # one's own comes first
        assert "has only 5 records" in await refused(ben, "resumable_data_processing", **processing)
    written = {str(path.relative_to(fresh.data)) for path in fresh.data.glob("users/*/*")}
    assert written == {"users/ann/out.jsonl", "users/ben/out.jsonl", "users/ben/orders.jsonl"}


@pytest.mark.parametrize("options", [(), ("--common-data",)], ids=["own", "common"])
async def test_nobody_is_told_that_another_writes_there(fresh: Server, options: tuple[str, ...]) -> None:
    with_users(fresh, *options)
    source = "orders.jsonl" if options else "shared/orders.jsonl"
    copying = {"source_path": source, "destination_path": "out.jsonl", "record_count": 10}
    async with client(fresh, "ann") as ann, client(fresh, "ben") as ben:
        await wait_for(ann, await start(ann, MIGRATION, **copying))
        asking = await start(ann, MIGRATION, **copying, confirm=True)
        assert (await wait_for(ann, asking))["status"] == "input_required"
        assert "another task is writing" in await refused(ann, MIGRATION, **{**copying, "record_count": 9})
        assert (await wait_for(ben, await start(ben, MIGRATION, **copying)))["status"] == "completed"


async def test_a_quota_that_is_reached_is_said_to_its_owner_and_to_nobody_else(
    fresh: Server, record_property: Recorded
) -> None:
    with_users(fresh, "--tasks-kept", "4", "--files-kept", "2", "--bytes-kept", "5000")
    batch: dict[str, Any] = {"batch_size": 1, "total_items": 1}
    copying = {"source_path": "shared/orders.jsonl", "record_count": 1}
    async with client(fresh, "ann") as ann, client(fresh, "ben") as ben:
        told = []
        first, second = [await start(ann, MIGRATION, **copying, destination_path=f"{n}.jsonl") for n in range(2)]
        for task in (first, second):
            await wait_for(ann, task)
        told.append(await refused(ann, MIGRATION, **copying, destination_path="2.jsonl"))
        await wait_for(ann, await start(ann, MIGRATION, **copying, destination_path="1.jsonl"))
        kept = await start(ann, "start_batch_processing", **batch, idempotency_key="kept")
        await wait_for(ann, kept)
        told.append(await refused(ann, "start_batch_processing", **batch))
        assert await start(ann, "start_batch_processing", **batch, idempotency_key="kept") == kept
        assert "there is no task" in await refused(ben, "forget_task", task_id=kept)
        await ann.call_tool("forget_task", {"task_id": kept})
        assert "there is no task" in await refused(ann, "forget_task", task_id=kept)
        large = await start(ann, "start_batch_processing", batch_size=100, total_items=100)
        await wait_for(ann, large)
        await ann.call_tool("forget_task", {"task_id": first})
        told.append(await refused(ann, "start_batch_processing", **batch))
        await ann.call_tool("forget_task", {"task_id": large})
        await wait_for(ann, await start(ann, "start_batch_processing", **batch))
        for destination in ("0.jsonl", "1.jsonl"):
            await wait_for(ben, await start(ben, MIGRATION, **copying, destination_path=destination))
    expected = ("2 files in your folder", "4 finished tasks", "bytes of records in the store")
    record_property("tries", len(expected))
    record_property("held", sum(text in said for text, said in zip(expected, told, strict=True)))
    assert all(text in said for text, said in zip(expected, told, strict=True)), told


async def test_a_task_that_is_not_finished_is_not_forgotten(fresh: Server) -> None:
    fresh.start()
    task = await fresh.start_task("start_batch_processing", batch_size=1, total_items=2, processing_delay=3600.0)
    reply = await fresh.call("forget_task", task_id=task)
    assert reply.is_error
    assert "is not finished: it is " in reply.text
    await fresh.call("cancel_task", task_id=task)
    assert not (await fresh.call("forget_task", task_id=task)).is_error
    assert (await fresh.call("get_server_stats")).text.count(task) == 0


@pytest.mark.parametrize("name", ["..", ".", "a/b", "", "Größe", "a" * 65, "~x", "a\n", "-", "a b"])
async def test_any_name_of_a_user_is_a_folder_of_its_own(name: str) -> None:
    assert folder_name(name).startswith("~")
    assert "/" not in folder_name(name)
    assert len({folder_name(name), folder_name(f"{name}x"), folder_name("ann@example.org")}) == 3
