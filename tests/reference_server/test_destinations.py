"""Where a migration is to write: what can never stand there fails the task, which says why; what may pass does not."""

from __future__ import annotations

import errno
import os
import re
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from reference_server.errors import Refusal
from reference_server.kinds import migration
from reference_server.sources import JsonLines, using
from reference_server.store import Store
from reference_server.table_output import write_table
from reference_server.task import Submission
from tests.reference_server.conftest import RECORDS, Server
from tests.reference_server.places import prepared

LONG_NAME = "n" * 250 + ".csv"
TOO_LONG = "é" * 150 + ".jsonl"  # 306 bytes, and 255 are the most


async def migrate(server: Server, destination: str) -> dict[str, Any]:
    """A migration to there, at its end."""
    task_id = await server.start_task(
        "start_data_migration", source_path="table.csv", destination_path=destination, record_count=RECORDS
    )
    return await server.stopped(task_id)


def left_behind(server: Server, destination: str) -> str:
    """A migration to there in the store, as an earlier life has begun it without a look at the destination."""
    source = JsonLines(server.data / "orders.jsonl")
    parameters = {"source_path": "orders.jsonl", "destination_path": destination, "fingerprint": source.fingerprint()}
    with closing(Store(prepared(server.folder))) as store, store.transaction():
        wanted = Submission(migration.KIND, destination, parameters, total=RECORDS, batch_size=10, target=destination)
        return store.submit("t", wanted, most_unfinished=1).task_id


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("destination", "said"),
    [
        (
            "file/copy.jsonl",
            "file/copy.jsonl cannot be used: a part of its path is a file, and would have to be a folder",
        ),
        ("file/deep/copy.db", "a part of its path is a file"),
        ("folder.jsonl", "folder.jsonl cannot be used: it is a folder"),
        ("folder.db", "folder.db cannot be used: it is a folder"),
        (TOO_LONG, f"{TOO_LONG} cannot be used: a name in its path is too long for this file system"),
        (f"new/{'d' * 300}/copy.db", "a name in its path is too long"),
    ],
)
async def test_a_destination_that_cannot_exist_fails_the_task_and_says_why(
    fresh: Server, destination: str, said: str
) -> None:
    (fresh.data / "file").write_text("not a folder\n")
    for name in ("folder.jsonl", "folder.db"):
        (fresh.data / name).mkdir()
        (fresh.data / name / "within").touch()
    before = {path for path in fresh.data.rglob("*") if path.name != "new"}
    task_id = left_behind(fresh, destination)
    fresh.start()
    failed = await fresh.stopped(task_id)
    assert (failed["status"], failed["progress"]) == ("failed", RECORDS)
    assert said in failed["error"]
    assert str(fresh.folder) not in failed["error"]
    fresh.kill()
    fresh.start()
    assert await fresh.status(task_id) == failed
    assert {path for path in fresh.data.rglob("*") if path.name != "new"} == before


@pytest.mark.asyncio
async def test_a_file_that_comes_to_stand_where_a_folder_has_to_be_fails_the_task_over_a_restart(fresh: Server) -> None:
    fresh.start(points="acknowledged@3")
    task_id = await fresh.park(
        "start_data_migration", source_path="orders.jsonl", destination_path="new/copy.jsonl", batch_size=10
    )
    fresh.kill()
    (fresh.data / "new").write_text("not a folder\n")
    fresh.start()
    failed = await fresh.stopped(task_id)
    assert (failed["status"], failed["progress"]) == ("failed", RECORDS)
    assert "new/copy.jsonl cannot be used: a part of its path is a file" in failed["error"]


@pytest.mark.asyncio
@pytest.mark.parametrize("destination", [LONG_NAME, "é" * 125 + ".db", "n" * 249 + ".jsonl"])
async def test_whatever_name_the_file_system_takes_is_a_destination(fresh: Server, destination: str) -> None:
    fresh.start()
    task = await migrate(fresh, destination)
    assert task["status"] == "completed"
    assert sorted(path.name for path in fresh.data.iterdir()) == sorted(["orders.jsonl", "table.csv", destination])


@pytest.mark.asyncio
@pytest.mark.parametrize("name", ["source_path", "destination_path"])
async def test_a_name_that_is_too_long_is_refused_before_anything_is_stored(shared: Server, name: str) -> None:
    asked = {"source_path": "orders.jsonl", "destination_path": "copy.jsonl", name: TOO_LONG}
    reply = await shared.call("start_data_migration", **asked)
    assert reply.is_error
    assert f"{TOO_LONG} cannot be used: a name in its path is too long" in reply.text
    assert (await shared.read("task://list"))["total"] == 0


def test_a_path_that_is_too_long_for_sqlite_alone_is_refused(tmp_path: Path) -> None:
    folder = tmp_path.joinpath(*["d" * 200] * 3)
    folder.mkdir(parents=True)
    with pytest.raises(Refusal, match="path has at most 512 bytes") as refused:
        write_table(folder / "t.db", "records", ['{"x": 1}'])
    assert str(tmp_path) not in str(refused.value)
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    "number",
    [errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS, errno.EMFILE, errno.ENFILE, errno.EINTR],
)
def test_what_may_pass_comes_through_as_it_is(number: int) -> None:
    passing = OSError(number, os.strerror(number))
    with pytest.raises(OSError, match=re.escape(os.strerror(number))) as raised, using("copy.jsonl"):
        raise passing
    assert raised.value is passing


def test_links_in_a_circle_are_the_requests_trouble(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(Refusal, match="a cannot be used: the links in its path lead in a circle"):
        JsonLines(tmp_path / "a").read(0, 1)
