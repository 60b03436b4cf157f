"""Clients are told when their tasks change: on listen streams, and in the sessions of the handshake era."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from fastmcp import Client
from fastmcp.client.messages import MessageHandler
from mcp.shared.exceptions import MCPError
from mcp_types import ResourceUpdatedNotification

from reference_server.audience import Onlooker
from reference_server.lifecycle import Status
from reference_server.notifications import MOST_OF_ONE_OWNER, SubscribedClient
from reference_server.task import Task
from tests.reference_server.conftest import DEADLINE_S, TOKENS, Server
from tests.reference_server.extension_calls import BATCHES, SLOW
from tests.reference_server.raw import EXTENSION, Raw, Refused, broken, received

STEPS: dict[str, Any] = {"batch_size": 1, "total_items": 4, "processing_delay": 0.2}
SUBSCRIPTION_ID = "io.modelcontextprotocol/subscriptionId"
ACKNOWLEDGED = "notifications/subscriptions/acknowledged"
UPDATED = "notifications/resources/updated"
TOLD = "notifications/tasks"


@pytest.fixture
def raw(shared: Server) -> Raw:
    return Raw(shared)


def uri_of(task_id: str) -> str:
    return f"task://status/{task_id}"


async def acknowledged(stream: AsyncIterator[dict[str, Any]]) -> dict[str, Any]:
    """What the stream's first message agrees to."""
    first = await received(stream)
    assert first["method"] == ACKNOWLEDGED
    assert SUBSCRIPTION_ID in first["params"]["_meta"]
    agreed: dict[str, Any] = first["params"]["notifications"]
    return agreed


# --- listen streams


@pytest.mark.asyncio
async def test_a_stream_tells_of_each_change_of_a_resource_until_the_last(raw: Raw) -> None:
    task_id = await raw.start("start_batch_processing", **STEPS)
    uri, seen = uri_of(task_id), list[str]()
    async with raw.listening(resourceSubscriptions=[uri, uri]) as stream:
        assert await acknowledged(stream) == {"resourceSubscriptions": [uri]}
        while not seen or seen[-1] != "completed":
            message = await received(stream)
            assert message["method"] == UPDATED
            assert message["params"]["uri"] == uri
            assert SUBSCRIPTION_ID in message["params"]["_meta"]
            seen.append((await raw.server.status(task_id))["status"])
    assert len(seen) >= 3


@pytest.mark.asyncio
async def test_a_stream_of_tasks_holds_what_tasks_get_answers(raw: Raw) -> None:
    task_id = await raw.start("start_batch_processing", **{**STEPS, "idempotency_key": "whole"})
    async with raw.listening(taskIds=[task_id]) as stream:
        assert await acknowledged(stream) == {"taskIds": [task_id]}
        told = [await received(stream)]
        while told[-1]["params"]["status"] == "working":
            told.append(await received(stream))
    assert {message["method"] for message in told} == {TOLD}
    last = told[-1]["params"]
    assert last["ttlMs"] is None
    got = await raw.get(task_id)
    assert {**last, "_meta": 0} == {k: v for k, v in {**got, "_meta": 0}.items() if k != "resultType"}
    assert [m["params"]["lastUpdatedAt"] for m in told] == sorted({m["params"]["lastUpdatedAt"] for m in told})


@pytest.mark.asyncio
async def test_a_new_stream_is_told_at_once_where_its_tasks_stand(raw: Raw) -> None:
    task_id = await raw.start("start_batch_processing", **BATCHES)
    await raw.until(task_id)
    for _ in range(2):
        async with raw.listening(taskIds=[task_id]) as stream:
            await acknowledged(stream)
            assert (await received(stream))["params"]["status"] == "completed"


@pytest.mark.asyncio
async def test_every_kind_of_change_is_told(raw: Raw) -> None:
    """Pause, resume and cancel are no batches."""
    task_id = await raw.start("start_batch_processing", **SLOW)
    await raw.until_it_says(task_id, "Processed 1/10 items")
    async with raw.listening(resourceSubscriptions=[uri_of(task_id)]) as stream:
        await acknowledged(stream)
        for tool, status in (("pause_task", "paused"), ("resume_task", "running"), ("cancel_task", "cancelled")):
            await raw.server.call(tool, task_id=task_id)
            assert (await received(stream))["method"] == UPDATED
            assert (await raw.server.status(task_id))["status"] == status


@pytest.mark.asyncio
async def test_only_what_is_there_is_agreed_to(raw: Raw) -> None:
    wanted = {"resourceSubscriptions": ["task://status/none", "task://list", "file:///etc/passwd"], "taskIds": ["none"]}
    async with raw.listening(**wanted, toolsListChanged=True, promptsListChanged=False) as stream:
        assert await acknowledged(stream) == {"toolsListChanged": True}


@pytest.mark.asyncio
async def test_task_ids_need_the_extension(raw: Raw) -> None:
    with pytest.raises(Refused) as refused:
        async with Raw(raw.server, {}).listening(taskIds=["any"]):
            pass
    assert refused.value.code == -32021
    assert refused.value.data == {"requiredCapabilities": {"extensions": {EXTENSION: {}}}}


@pytest.mark.asyncio
@pytest.mark.parametrize("task_ids", ["one", [1], {"a": "b"}])
async def test_malformed_task_ids_are_refused(raw: Raw, task_ids: Any) -> None:
    with pytest.raises(Refused, match="taskIds must be a list") as refused:
        async with raw.listening(taskIds=task_ids):
            pass
    assert refused.value.code == -32602


@pytest.mark.asyncio
async def test_subscriptions_are_bounded_and_a_stream_that_is_left_counts_no_more(raw: Raw) -> None:
    half = [f"task://status/{n}" for n in range(MOST_OF_ONE_OWNER // 2)]
    async with raw.listening(resourceSubscriptions=half) as stream:
        await acknowledged(stream)
        with pytest.raises(Refused, match="too many subscriptions") as refused:
            async with raw.listening(resourceSubscriptions=half):
                pass
        assert refused.value.code == -32603
    async with asyncio.timeout(DEADLINE_S):
        while True:
            try:
                async with raw.listening(resourceSubscriptions=half) as stream:
                    assert await acknowledged(stream) == {}
                    return
            except Refused:
                await asyncio.sleep(0.05)


@pytest.mark.asyncio
async def test_a_stop_ends_every_stream_with_a_last_word_and_at_once(fresh: Server) -> None:
    raw = Raw(fresh.start())
    task_id = await raw.start("start_batch_processing", **SLOW)
    async with raw.listening(taskIds=[task_id]) as stream, raw.listening(toolsListChanged=True) as idle:
        await acknowledged(stream)
        await acknowledged(idle)
        assert fresh.process
        begun = asyncio.get_running_loop().time()
        fresh.process.send_signal(signal.SIGTERM)
        assert not await broken(stream)
        assert not await broken(idle)
        assert asyncio.get_running_loop().time() - begun < 1.5
        assert await asyncio.to_thread(fresh.process.wait, DEADLINE_S) == 0


@pytest.mark.asyncio
async def test_a_kill_breaks_the_stream_and_a_new_one_tells_what_was_missed(fresh: Server) -> None:
    raw = Raw(fresh.start())
    task_id = await raw.start("start_batch_processing", **STEPS)
    async with raw.listening(taskIds=[task_id]) as stream:
        await acknowledged(stream)
        fresh.kill()
        assert await broken(stream)
    fresh.start()
    async with raw.listening(taskIds=[task_id]) as stream:
        await acknowledged(stream)
        while (await received(stream))["params"]["status"] != "completed":
            pass


@pytest.mark.asyncio
async def test_a_change_by_another_process_is_told(fresh: Server, tmp_path: Path) -> None:
    raw = Raw(fresh.start())
    task_id = await raw.start("start_batch_processing", **SLOW)
    await raw.until_it_says(task_id, "Processed 1/10 items")
    second = Server(tmp_path).start()
    try:
        async with Raw(second).listening(resourceSubscriptions=[uri_of(task_id)]) as stream:
            await acknowledged(stream)
            await raw.cancel(task_id)
            assert (await received(stream))["params"]["uri"] == uri_of(task_id)
    finally:
        second.kill()


# --- sessions of the handshake era


class Ear(MessageHandler):
    """Collects what is told to a client."""

    def __init__(self) -> None:
        self.uris: asyncio.Queue[str] = asyncio.Queue()

    async def on_resource_updated(self, message: ResourceUpdatedNotification) -> None:
        self.uris.put_nowait(str(message.params.uri))


@pytest.mark.asyncio
@pytest.mark.filterwarnings("ignore::mcp.shared.exceptions.MCPDeprecationWarning")
async def test_a_session_is_told_until_it_unsubscribes(raw: Raw) -> None:
    task_id = await raw.start("start_batch_processing", **{**SLOW, "idempotency_key": "session"})
    await raw.until_it_says(task_id, "Processed 1/10 items")
    ear = Ear()
    async with Client(raw.server.ready["url"], mode="legacy", message_handler=ear) as client:
        assert client.server_capabilities
        assert client.server_capabilities.resources
        assert client.server_capabilities.resources.subscribe
        await client.session.subscribe_resource(uri_of(task_id))
        await client.call_tool("pause_task", {"task_id": task_id})
        async with asyncio.timeout(DEADLINE_S):
            assert await ear.uris.get() == uri_of(task_id)
        await client.session.unsubscribe_resource(uri_of(task_id))
        await client.call_tool("resume_task", {"task_id": task_id})
        await asyncio.sleep(0.5)
        assert ear.uris.empty()
        for uri in ("task://status/none", "task://list"):
            with pytest.raises(MCPError, match="there is no task") as refused:
                await client.session.subscribe_resource(uri)
            assert refused.value.error.code == -32602


# --- owners


@pytest.mark.asyncio
@pytest.mark.filterwarnings("ignore::mcp.shared.exceptions.MCPDeprecationWarning")
async def test_only_its_owner_is_told_of_a_task(guarded: Server) -> None:
    ann, ben = (Raw(guarded, headers={"Authorization": f"Bearer {token}"}) for token in TOKENS.values())
    task_id = await ann.start("start_batch_processing", **SLOW)
    wanted = {"taskIds": [task_id], "resourceSubscriptions": [uri_of(task_id)]}
    async with ann.listening(**wanted) as own, ben.listening(**wanted) as foreign:
        assert await acknowledged(own) == wanted
        assert await acknowledged(foreign) == {}
        told = asyncio.create_task(received(foreign))
        await ann.cancel(task_id)
        while (await received(own))["params"].get("status") != "cancelled":
            pass
        assert not told.done()
        told.cancel()
    async with Client(guarded.ready["url"], auth=TOKENS["ben"], mode="legacy") as client:
        for unknown in (task_id, "0" * len(task_id)):
            with pytest.raises(MCPError, match=f"there is no task '{unknown}'"):
                await client.session.subscribe_resource(uri_of(unknown))


# --- what is to be told


def task(updated_at: str, task_id: str = "a") -> Task:
    return Task(
        *(task_id, "none", "", None, {}, Status.RUNNING, 1, 1, 0, "", 1, 2, 1, "", None, None, {}, {}),
        *("2026-01-01", updated_at, None),
    )


@pytest.mark.asyncio
async def test_many_changes_before_they_are_told_are_one_and_a_known_state_is_none() -> None:
    client: Onlooker = (one := SubscribedClient(None, 1))
    one.follow(task("1"))
    client.tell(task("1"))
    for at in "23456":
        client.tell(task(at))
    client.tell(task("6", "another's"))
    client.close()
    assert [task_id async for task_id in one.news()] == ["a"]
