"""Bits that a disk has bent between two lives: whatever the server says then is exact, or it says what is damaged."""

from __future__ import annotations

import asyncio
import json
import random
import shutil
import signal
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from mcp_crashtest.wire.errors import RpcError
from mcp_crashtest.wire.session import Session
from reference_server.errors import StartError
from reference_server.schema import prepare
from tests.reference_server.conftest import DEADLINE_S, RECORDS, Server, fill

SEED = 20
STORE = ("tasks.db", "tasks.db-wal")
STARTS: dict[str, dict[str, Any]] = {
    "start_data_migration": {"source_path": "orders.jsonl", "destination_path": "copy.jsonl", "confirm": True},
    "start_batch_processing": {"batch_size": 10, "total_items": RECORDS, "processing_delay": 0.02},
    "start_ml_training": {"model_name": "bent", "dataset_size": 200, "epochs": 30},
}
PROCESSING: dict[str, Any] = {"dataset_name": "orders", "total_records": RECORDS, "batch_size": 10, "client_id": "c"}
BEHIND = 2  # batches of each task before the kill
TIMES = ("created_at", "updated_at", "completed_at", "completion_time", "training_time_seconds")
Output = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Left:
    """What a kill has left: the server's folder, and the ids of its tasks."""

    folder: Path
    ids: tuple[str, ...]

    def again(self, folder: Path) -> Server:
        """The same once more, at another place."""
        shutil.copytree(self.folder, folder)
        return Server(folder)


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory) -> Left:
    """One life that has ended well, and one that was killed over three tasks."""
    return asyncio.run(_killed(tmp_path_factory.mktemp("left") / "server"))


async def _killed(folder: Path) -> Left:
    fill(folder)
    (folder / "data" / "copy.jsonl").write_text("in the way\n")
    server = Server(folder).start()
    try:
        done = await server.call("resumable_data_processing", **PROCESSING)
        server.kill(signal.SIGTERM)
        server.start()
        begun = [await server.start_task(tool, **arguments) for tool, arguments in STARTS.items()]
        for task_id in begun[1:]:
            while (await server.status(task_id))["progress"] < BEHIND:
                pass
    finally:
        server.kill()
    assert done.structured
    return Left(folder, (str(done.structured["task_id"]), *begun))


async def told(server: Server, ids: tuple[str, ...]) -> dict[str, Output | str]:
    """What there is of each task in the end: its output, or what the server says is wrong with it."""
    session = await server.open()
    try:
        await session.call_tool(
            "answer_task",
            {"task_id": ids[1], "key": "overwrite", "accept": True, "content": {"overwrite": True}},
            deadline_s=DEADLINE_S,
        )
        return {task_id: await _told(session, task_id) for task_id in ids}
    finally:
        await session.close()


async def _told(session: Session, task_id: str) -> Output | str:
    try:
        task = await _stopped(session, task_id)
        records = (await _read(session, f"task://records/{task_id}/1"))["records"]
    except RpcError as error:
        return str(error)
    if task["status"] == "failed":
        return str(task["error"])
    shown: Output = _timeless({**task, "result_data": _timeless(task["result_data"])})
    return {**shown, "records": records}


async def _stopped(session: Session, task_id: str) -> Output:
    while True:
        task = await _read(session, f"task://status/{task_id}")
        if task["status"] not in ("pending", "running"):
            return task
        await asyncio.sleep(0.005)


async def _read(session: Session, uri: str) -> Output:
    found: Output = json.loads(await session.read_resource(uri, deadline_s=DEADLINE_S))
    return found


def _timeless(values: Output | None) -> Output:
    return {name: value for name, value in (values or {}).items() if name not in TIMES}


def bend(path: Path, bit: int) -> None:
    """Flip one bit of a file."""
    content = bytearray(path.read_bytes())
    content[bit // 8] ^= 1 << bit % 8
    path.write_bytes(content)


def refusal(path: Path) -> str | None:
    """What a server says that does not start on this store, which it leaves as it is; None when it starts."""
    before = [(path.parent / name).read_bytes() for name in STORE]
    try:
        prepare(path)
    except StartError as error:
        assert [(path.parent / name).read_bytes() for name in STORE] == before
        return str(error)
    return None


async def outcome(left: Left, folder: Path, golden: dict[str, Output | str], file: str, bit: int) -> str:
    """What became of a store with one bent bit; fails where something wrong is served."""
    server = left.again(folder)
    bend(folder / file, bit)
    where = f"bit {bit} of {file}"
    if said := refusal(server.store):
        assert str(server.store) in said, where
        return "refused"
    server.start()
    try:
        found = await told(server, left.ids)
    finally:
        server.kill()
        copied = (server.data / "copy.jsonl").read_bytes()
    damaged = {task_id for task_id in left.ids if isinstance(found[task_id], str)}
    for task_id in left.ids:
        if task_id in damaged:
            assert task_id in str(found[task_id]), (where, found[task_id])
            assert "damaged" in str(found[task_id]), (where, found[task_id])
        else:
            assert found[task_id] == golden[task_id], where
    if left.ids[1] not in damaged:
        assert copied == (server.data / "orders.jsonl").read_bytes(), where
    return "quarantined" if damaged else "harmless"


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "tries",
    [
        pytest.param(10, id="few"),
        pytest.param(40, id="some", marks=pytest.mark.soak),
        pytest.param(400, id="hours", marks=[pytest.mark.soak, pytest.mark.timeout(3600)]),
    ],
)
async def test_no_bent_bit_makes_a_wrong_output(
    left: Left, tmp_path: Path, record_property: Callable[[str, object], None], tries: int
) -> None:
    server = left.again(tmp_path / "golden").start()
    golden = await told(server, left.ids)
    server.kill()
    assert all(isinstance(output, dict) and output["status"] == "completed" for output in golden.values()), golden
    bits, outcomes = random.Random(SEED), Counter[str]()
    for number in range(tries):
        file = STORE[number % len(STORE)]
        bit = bits.randrange(8 * (left.folder / file).stat().st_size)
        outcomes[await outcome(left, tmp_path / str(number), golden, file, bit)] += 1
        shutil.rmtree(tmp_path / str(number))
    print(f"seed {SEED}: {dict(outcomes)}")
    record_property("tries", tries)
    record_property("held", outcomes.total())
    assert tries < 40 or set(outcomes) == {"refused", "quarantined", "harmless"}, outcomes
