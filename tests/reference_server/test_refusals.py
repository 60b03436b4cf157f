"""Bad input gets a clear error of the right kind, and nothing is lost or made by it."""

from __future__ import annotations

import socket
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from mcp_crashtest.wire.errors import RpcError
from tests.reference_server.conftest import DEADLINE_S, Server

PROCESS: dict[str, Any] = {"dataset_name": "orders", "total_records": 60, "batch_size": 10, "client_id": "someone"}
MIGRATE: dict[str, Any] = {"source_path": "orders.jsonl", "destination_path": "copy.jsonl", "record_count": 60}


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"dataset_name": "nothing"}, "there is no dataset 'nothing'"),
        ({"dataset_name": "../orders"}, "dataset_name must be the name of a file in the data root"),
        ({"dataset_name": ""}, "dataset_name must be"),
        ({"dataset_name": "x" * 500}, "dataset_name must be"),
        ({"total_records": 0}, "total_records must be a whole number from 1"),
        ({"total_records": 10**9}, "total_records must be a whole number from 1"),
        ({"total_records": 61}, "has only 60 records"),
        ({"batch_size": 0}, "batch_size must be a whole number from 1 to 10000, found 0"),
        ({"batch_size": -5}, "batch_size must be"),
        ({"batch_size": 10**6}, "batch_size must be"),
        ({"client_id": "\x07"}, "client_id must be"),
        ({"client_id": "x" * 1000}, "client_id must be"),
    ],
)
async def test_processing_refuses(shared: Server, protocol: str, changes: dict[str, Any], said: str) -> None:
    reply = await shared.call("resumable_data_processing", protocol, **{**PROCESS, **changes})
    assert reply.is_error
    assert said in reply.text
    assert str(shared.folder) not in reply.text


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"source_path": "nowhere.jsonl"}, "there is no file 'nowhere.jsonl'"),
        ({"source_path": "/etc/passwd"}, "must be a path within the data root"),
        ({"source_path": "../tasks.db"}, "must be a path within the data root"),
        ({"destination_path": "../stolen.jsonl"}, "must be a path within the data root"),
        ({"destination_path": "/tmp/stolen.jsonl"}, "must be a path within the data root"),
        ({"destination_path": "orders.jsonl"}, "the same file"),
        ({"destination_path": "./orders.jsonl"}, "the same file"),
        ({"destination_path": "."}, "leads out of the data root"),
        ({"destination_path": "copy.exe"}, "files end in .jsonl"),
        ({"destination_path": "a\0b.jsonl"}, "printable"),
        ({"record_count": 0}, "record_count must be"),
        ({"batch_size": 0}, "batch_size must be"),
    ],
)
async def test_migration_refuses(shared: Server, changes: dict[str, Any], said: str) -> None:
    before = sorted(shared.data.iterdir())
    reply = await shared.call("start_data_migration", **{**MIGRATE, **changes})
    assert reply.is_error
    assert said in reply.text
    assert str(shared.folder) not in reply.text
    assert sorted(shared.data.iterdir()) == before


@pytest.mark.asyncio
async def test_a_link_out_of_the_data_root_is_not_followed(shared: Server, tmp_path: Path) -> None:
    secret = tmp_path / "secret.jsonl"
    secret.write_text('{"id": 1}\n')
    link = shared.data / "innocent.jsonl"
    link.symlink_to(secret)
    try:
        migrated = await shared.call("start_data_migration", **{**MIGRATE, "source_path": "innocent.jsonl"})
        processed = await shared.call("resumable_data_processing", **{**PROCESS, "dataset_name": "innocent"})
    finally:
        link.unlink()
    assert migrated.is_error
    assert processed.is_error
    assert "leads out of the data root" in migrated.text
    assert "leads out of the data root" in processed.text


@pytest.mark.asyncio
async def test_the_store_is_not_a_clients_file_even_within_the_data_root(fresh: Server) -> None:
    store = str(fresh.data / "tasks.jsonl")
    fresh.extra = ("--store", store)
    fresh.start()
    reply = await fresh.call("start_data_migration", **{**MIGRATE, "destination_path": "tasks.jsonl"})
    assert reply.is_error
    assert "belongs to the server itself" in reply.text


@pytest.mark.asyncio
async def test_an_unknown_task_is_an_invalid_parameter(shared: Server) -> None:
    session = await shared.open()
    for uri in ("task://status/0123", "task://records/0123/1", "task://list/eaten"):
        with pytest.raises(RpcError) as refused:
            await session.read_resource(uri, deadline_s=DEADLINE_S)
        assert refused.value.code == -32602
    with pytest.raises(RpcError, match="pending, running, paused, input_required, completed, failed, cancelled"):
        await session.read_resource("task://list/eaten", deadline_s=DEADLINE_S)
    await session.close()


@pytest.mark.asyncio
async def test_an_unknown_task_cannot_be_cancelled(shared: Server) -> None:
    reply = await shared.call("cancel_task", task_id="0123")
    assert reply.is_error
    assert "there is no task '0123'" in reply.text


@pytest.mark.asyncio
async def test_what_was_refused_has_made_no_task(shared: Server) -> None:
    listed = await shared.read("task://list")
    assert listed["total"] == 0


@pytest.mark.asyncio
async def test_a_line_that_is_not_json_fails_the_task_and_names_the_place(fresh: Server) -> None:
    (fresh.data / "torn.jsonl").write_text('{"id": 1}\n{"id": 2}\n{"id"\n')
    fresh.start()
    reply = await fresh.call("resumable_data_processing", **{**PROCESS, "dataset_name": "torn", "total_records": 3})
    assert reply.is_error
    assert "torn.jsonl: the line that ends at byte" in reply.text


def test_a_port_in_use_is_named(fresh: Server) -> None:
    fresh.cold = True
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        said = fresh.refuses("--port", str(taken.getsockname()[1]))
    assert "cannot be used" in said
    assert "Is another server running there?" in said


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "example.org"])
def test_it_serves_on_loopback_only(fresh: Server, host: str) -> None:
    assert "loopback" in fresh.refuses("--host", host) or "not an address" in fresh.refuses("--host", host)


def test_a_crash_point_that_does_not_exist_is_named(fresh: Server) -> None:
    fresh.cold = True
    assert "'lunch@3'" in fresh.refuses(CRASHTEST_POINTS="lunch@3")


@pytest.mark.sqlite
def test_a_store_of_another_program_is_refused_and_left_as_it_is(fresh: Server) -> None:
    with closing(sqlite3.connect(fresh.store)) as db:
        db.execute("CREATE TABLE recipes (name TEXT)")
    before = fresh.store.read_bytes()
    assert "of another program" in fresh.refuses()
    assert fresh.store.read_bytes() == before


@pytest.mark.sqlite
def test_a_store_that_is_no_database_is_refused_and_left_as_it_is(fresh: Server) -> None:
    fresh.store.write_bytes(b"these are my memoirs " * 100)
    assert "not a SQLite file, or is damaged" in fresh.refuses()
    assert fresh.store.read_bytes() == b"these are my memoirs " * 100


@pytest.mark.sqlite
def test_a_store_of_a_newer_version_is_refused_and_left_as_it_is(fresh: Server) -> None:
    fresh.start()
    fresh.kill()
    with closing(sqlite3.connect(fresh.store)) as db:
        db.execute("PRAGMA user_version = 99")
    assert "format 99" in fresh.refuses()
