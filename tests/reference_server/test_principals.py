"""Two principals on one server: nothing of one can be seen, read, stopped or changed by the other."""

from __future__ import annotations

import asyncio
import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastmcp import Client
from fastmcp.client.auth import BearerAuth
from fastmcp.exceptions import ToolError
from fastmcp.server.auth.providers.jwt import RSAKeyPair
from mcp.shared.exceptions import MCPError
from mcp_types import TextResourceContents

from tests import warm
from tests.lab import environment
from tests.reference_server.conftest import TOKENS, Server, fill

MAKING = """
import asyncio, sys
from pathlib import Path
from reference_server import limits
from reference_server.crashpoints import CrashPoints
from reference_server.effects import Effects
from reference_server.engine import Engine, Settings
from reference_server.data_root import DataRoot
from reference_server.task import Submission

async def make(store, life):
    limits.MOST_UNFINISHED = 20_000
    engine = Engine(Settings(store, DataRoot(store.parent), Effects(None), CrashPoints("")))
    await engine.start()
    for first in range(0, 1000, 100):
        wanted = [Submission("none", f"{life}-{first + n}", {}, total=1, batch_size=1) for n in range(100)]
        for task in await asyncio.gather(*(engine.submit(one) for one in wanted)):
            print(task.task_id)
    await engine.stop()

asyncio.run(make(Path(sys.argv[1]), sys.argv[2]))
"""
BATCHES: dict[str, Any] = {"batch_size": 10, "total_items": 20, "idempotency_key": "the same for both"}
MODES = ("auto", "legacy")


def client(server: Server, who: str, mode: Any = "auto") -> Client[Any]:
    return Client(server.ready["url"], auth=BearerAuth(TOKENS[who]), mode=mode)


async def start(connected: Client[Any], tool: str, **arguments: Any) -> str:
    result = await connected.call_tool(tool, arguments)
    return str((result.structured_content or {})["task_id"])


async def text_at(connected: Client[Any], uri: str) -> str:
    (content,) = await connected.read_resource(uri)
    assert isinstance(content, TextResourceContents)
    return content.text


async def wait_for(connected: Client[Any], task_id: str) -> dict[str, Any]:
    async with asyncio.timeout(20):
        while True:
            status: dict[str, Any] = json.loads(await text_at(connected, f"task://status/{task_id}"))
            if status["status"] not in ("pending", "running"):
                return status


@pytest.mark.asyncio
@pytest.mark.parametrize("mode", MODES)
async def test_nothing_of_one_is_there_for_the_other(guarded: Server, mode: str) -> None:
    async with client(guarded, "ann", mode) as ann, client(guarded, "ben", mode) as ben:
        key = {**BATCHES, "idempotency_key": f"both-{mode}"}
        task_id = await start(ann, "start_batch_processing", **key)
        await wait_for(ann, task_id)
        for tool in ("cancel_task", "pause_task", "resume_task"):
            with pytest.raises(ToolError, match=f"there is no task '{task_id}'"):
                await ben.call_tool(tool, {"task_id": task_id})
        with pytest.raises(ToolError, match="there is no task"):
            await ben.call_tool("answer_task", {"task_id": task_id, "key": "overwrite", "accept": True})
        for uri in (f"task://status/{task_id}", f"task://records/{task_id}/1", f"task://list/all/{task_id}"):
            with pytest.raises(MCPError, match="there is no task"):
                await ben.read_resource(uri)
        for uri in ("task://list", "task://list/completed"):
            assert task_id not in await text_at(ben, uri)
        assert await start(ben, "start_batch_processing", **key) != task_id
        assert await start(ann, "start_batch_processing", **key) == task_id


@pytest.mark.asyncio
async def test_counts_and_client_ids_are_each_ones_own(guarded: Server) -> None:
    asked = {"dataset_name": "orders", "total_records": 20, "batch_size": 10, "client_id": "a shared client id"}
    async with client(guarded, "ann") as ann, client(guarded, "ben") as ben:
        before = (await ben.call_tool("get_server_stats", {})).data
        first = (await ann.call_tool("resumable_data_processing", asked)).data
        assert (await ben.call_tool("get_server_stats", {})).data["total_tasks"] == before["total_tasks"]
        listed = (await ben.call_tool("list_session_tasks", {"client_id": "a shared client id"})).data
        assert listed["total_tasks"] == 0
        second = (await ben.call_tool("resumable_data_processing", asked)).data
        assert second["task_id"] != first["task_id"]
        assert second["digest"] == first["digest"]
        stats = (await ben.call_tool("get_checkpoint_stats", {})).data
        assert stats["total_checkpoints"] == before["total_tasks"] + 1


@pytest.mark.parametrize("token", [None, "wrong", "ann", TOKENS["ann"] + "x", "\u00e9" * 30])
def test_without_a_token_of_the_file_nothing_is_answered(guarded: Server, token: str | None) -> None:
    headers = {} if token is None else {b"authorization": f"Bearer {token}".encode()}
    answer = httpx2.post(guarded.ready["url"], headers=headers, json={"jsonrpc": "2.0", "id": 1, "method": "ping"})
    assert answer.status_code == 401
    assert "ann" not in answer.text


@pytest.mark.asyncio
async def test_a_signed_token_is_taken_if_it_is_for_us(tmp_path: Path) -> None:
    fill(tmp_path)
    pair, stranger = RSAKeyPair.generate(), RSAKeyPair.generate()
    (tmp_path / "key.pem").write_text(pair.public_key)
    signed = ("--jwt-key", str(tmp_path / "key.pem"), "--issuer", "https://issuer.test", "--audience", "tasks")
    server = Server(tmp_path, extra=signed).start()
    try:
        good = pair.create_token(subject="ann", issuer="https://issuer.test", audience="tasks")
        async with Client(server.ready["url"], auth=BearerAuth(good)) as ann:
            await start(ann, "start_batch_processing", **BATCHES)
            assert (await ann.call_tool("get_server_stats", {})).data["total_tasks"] == 1
        other = pair.create_token(subject="ben", issuer="https://issuer.test", audience="tasks")
        async with Client(server.ready["url"], auth=BearerAuth(other)) as ben:
            assert (await ben.call_tool("get_server_stats", {})).data["total_tasks"] == 0
        for bad in (
            pair.create_token(subject="ann", issuer="https://issuer.test", audience="another"),
            pair.create_token(subject="ann", issuer="https://else.test", audience="tasks"),
            pair.create_token(subject="ann", issuer="https://issuer.test", audience="tasks", expires_in_seconds=-10),
            stranger.create_token(subject="ann", issuer="https://issuer.test", audience="tasks"),
        ):
            answer = httpx2.post(server.ready["url"], headers={"authorization": f"Bearer {bad}"}, json={})
            assert answer.status_code == 401
    finally:
        server.kill()


@pytest.mark.sqlite
@pytest.mark.parametrize("lives", [3, pytest.param(10, marks=pytest.mark.soak)])
def test_a_thousand_ids_in_each_life_are_unique_and_cannot_be_guessed(tmp_path: Path, lives: int) -> None:
    """Made by as many engines, each in a process of its own; every bit is set as often as not, within six deviations.

    One is a new interpreter, the others begin with one memory: what is random must differ all the same.
    """
    ids: list[str] = []
    making = tmp_path / "making.py"
    making.write_text(MAKING)
    for life in range(lives):
        command = [sys.executable, str(making), str(tmp_path / "tasks.db"), str(life)]
        if life == 0:
            done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        else:
            done = warm.run(command, env=environment(), timeout=60)
        assert done.returncode == 0, done.stderr
        ids += done.stdout.split()
    assert len(set(ids)) == len(ids) == 1000 * lives
    assert all(len(task_id) == 32 for task_id in ids)
    numbers = [int(task_id, 16) for task_id in ids]
    for place in range(128):
        ones = sum(number >> place & 1 for number in numbers)
        assert abs(ones - len(ids) / 2) < 6 * math.sqrt(len(ids)) / 2
