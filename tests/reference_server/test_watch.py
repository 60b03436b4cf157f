"""Behind a start with many unfinished tasks some go on at once, and all others soon, whatever becomes of the first."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import pytest

from reference_server import kinds, watch
from reference_server.crashpoints import CrashPoints
from reference_server.data_root import DataRoot
from reference_server.effects import Effects
from reference_server.engine import Engine, Settings
from reference_server.jobs import Batch, Finish
from reference_server.store import Store
from reference_server.task import Submission, Task
from tests.reference_server.conftest import DEADLINE_S
from tests.reference_server.places import ask, place, prepared

pytestmark = pytest.mark.asyncio

KIND = "one_record"
MANY = 300
FOR_EVER_S = 3600.0


class Job:
    """A job of one record, which calls ``begins`` when its only batch begins."""

    def __init__(self, begins: Callable[[Task], None]) -> None:
        self._begins = begins

    def questions(self, _: Task) -> dict[str, Any]:
        return {}

    def batch(self, task: Task, _: bytes | None) -> Batch:
        self._begins(task)
        return Batch([], ["{}"], task.progress + 1, "one more")

    def finish(self, task: Task, state: bytes | None, bodies: Iterator[str]) -> Finish:
        return Finish({"processed": task.progress})


def left_behind(folder: Path, tasks: int) -> None:
    with closing(Store(prepared(folder))) as store, store.transaction():
        for number in range(tasks):
            wanted = Submission(KIND, str(number), {}, total=1, batch_size=1)
            store.submit(f"{number:032x}", wanted, most_unfinished=tasks)


def count(folder: Path, condition: str) -> int:
    ((number,),) = ask(folder, f"SELECT count(*) FROM tasks WHERE {condition}")
    return int(number)


@asynccontextmanager
async def started(
    folder: Path, monkeypatch: pytest.MonkeyPatch, begins: Callable[[Task], None]
) -> AsyncIterator[Engine]:
    monkeypatch.setitem(kinds.KINDS, KIND, lambda _, __: Job(begins))
    running = Engine(Settings(place(folder), DataRoot(folder), Effects(None), CrashPoints("")))
    await running.start()
    try:
        yield running
    finally:
        await running.stop()


async def until(holds: Callable[[], bool], story: str) -> None:
    try:
        async with asyncio.timeout(DEADLINE_S):
            while not await asyncio.to_thread(holds):  # noqa: ASYNC110
                await asyncio.sleep(0.02)
    except TimeoutError:
        pytest.fail(story)


async def test_of_many_unfinished_tasks_a_few_begin_before_the_others_are_claimed_and_then_all_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left_behind(tmp_path, MANY)
    monkeypatch.setattr(watch, "PULSE_S", FOR_EVER_S)  # only what the first tasks do has the others looked for
    claimed: list[int] = []

    def begins(_: Task) -> None:
        if not claimed:
            claimed.append(count(tmp_path, "epoch > 0"))

    async with started(tmp_path, monkeypatch, begins):
        await until(lambda: count(tmp_path, "status = 'completed'") == MANY, "some never went on")
    assert 1 <= claimed[0] < MANY / 10


async def test_the_others_go_on_also_where_the_first_wait_for_storage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left_behind(tmp_path, MANY)
    waiting: set[str] = set()

    def begins(task: Task) -> None:
        if task.task_id in waiting or len(waiting) < watch._FIRST:
            waiting.add(task.task_id)
            raise OSError("the source of this one is away")

    async with started(tmp_path, monkeypatch, begins):
        await until(lambda: count(tmp_path, "status = 'completed'") == MANY - watch._FIRST, "they wait for the first")
    assert len(waiting) == watch._FIRST
    assert count(tmp_path, "status = 'running' AND progress = 0") == watch._FIRST
