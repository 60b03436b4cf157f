"""Kills between an output and its commit, and what a loss of power takes: no output without its task, no litter."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from reference_server.folders import make_folder
from reference_server.store import Store
from tests import warm
from tests.lab import ROOT, environment
from tests.reference_server.conftest import DEADLINE_S, RECORDS, Server

MIGRATE: dict[str, Any] = {"source_path": "orders.jsonl", "destination_path": "new/copy.jsonl", "batch_size": 30}
ENDS = ("completed", "failed")
STRANGERS = f".{'0' * 32}-1.part"
# The server itself, which dies where this says.
DYING = f"""
import os, signal, sys
from pathlib import Path
sys.path.insert(0, {str(ROOT)!r})
from reference_server.__main__ import main

def die():
    os.kill(os.getpid(), signal.SIGKILL)

replace, fsync = Path.replace, os.fsync

def placed(path, target):
    replace(path, target)
    die()

def written(descriptor):
    if os.readlink(f"/proc/self/fd/{{descriptor}}").endswith(".part"):
        die()
    fsync(descriptor)

if sys.argv.pop() == "placed":
    Path.replace = placed
else:
    os.fsync = written
main()
"""


async def died(server: Server, where: str) -> str:
    """A life that ends at a place in the middle of a task's end; the task's id."""
    script = server.folder / "dying.py"
    script.write_text(DYING)
    words = [server.command()[0], str(script), *server.command()[3:], where]
    server.process = warm.start(words, env=environment(), stdout=warm.PIPE)
    assert server.process.stdout
    server.ready = json.loads(server.process.stdout.readline())
    task_id = await server.start_task("start_data_migration", **MIGRATE)
    code = await asyncio.to_thread(server.process.wait, DEADLINE_S)
    server.process.stdout.close()
    assert code == -signal.SIGKILL
    return task_id


def exact(server: Server) -> bool:
    return (server.data / "new" / "copy.jsonl").read_bytes() == (server.data / "orders.jsonl").read_bytes()


def parts(server: Server) -> list[str]:
    return [path.name for path in (server.data / "new").iterdir() if path.name != "copy.jsonl"]


async def until_left(server: Server, *names: str) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while parts(server) != list(names):
        assert time.monotonic() < deadline, parts(server)
        await asyncio.sleep(0.02)


@pytest.mark.asyncio
async def test_a_task_whose_output_stands_in_its_place_comes_to_nothing_but_its_completion(fresh: Server) -> None:
    """The kill comes after the output and before its commit: nobody can cancel now what everybody can see."""
    task_id = await died(fresh, "placed")
    assert exact(fresh)
    with closing(Store(fresh.store)) as store, store.transaction():
        assert store.get(task_id).status == "running"
        assert not store.cancel(task_id)
        assert not store.pause(task_id)
    fresh.start()
    task = await fresh.stopped(task_id)
    assert (task["status"], task["progress"]) == ("completed", RECORDS)
    assert exact(fresh)
    assert parts(fresh) == []


@pytest.mark.asyncio
@pytest.mark.parametrize("then", ["cancelled", *(pytest.param(then, marks=pytest.mark.soak) for then in ENDS)])
async def test_a_file_that_a_kill_has_left_beside_its_place_is_swept_away(fresh: Server, then: str) -> None:
    task_id = await died(fresh, "written")
    assert len(parts(fresh)) == 1
    (fresh.data / "new" / STRANGERS).write_text("a stranger's")
    if then == "cancelled":
        with closing(Store(fresh.store)) as store, store.transaction():
            assert store.cancel(task_id)
    if then == "failed":
        (fresh.data / "new" / "copy.jsonl").mkdir()
    fresh.start()
    assert (await fresh.stopped(task_id))["status"] == then
    await until_left(fresh, STRANGERS)


def test_a_new_folder_is_on_the_disk_with_all_above_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flushed: list[str] = []
    fsync: Callable[[int], None] = os.fsync

    def seen(descriptor: int) -> None:
        flushed.append(str(Path(f"/proc/self/fd/{descriptor}").readlink()))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", seen)
    make_folder(tmp_path / "a" / "b" / "c")
    assert flushed == [str(tmp_path), str(tmp_path / "a"), str(tmp_path / "a" / "b")]
    make_folder(tmp_path / "a" / "b" / "c")
    assert len(flushed) == 3
    (tmp_path / "file").touch()
    for wrong in ("file", "file/new"):
        with pytest.raises(OSError, match=r"exists|Not a directory"):
            make_folder(tmp_path / wrong)
