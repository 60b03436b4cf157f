"""The Tasks extension, with raw JSON-RPC: who gets a task, for which call, and what is refused."""

from __future__ import annotations

import asyncio
import base64
import inspect
import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from mcp_crashtest.wire.errors import RpcError
from mcp_crashtest.wire.messages import HANDSHAKE, STATELESS
from reference_server.extension import SUBMISSIONS
from reference_server.tools import durable, processing
from tests.reference_server.conftest import RECORDS, TOKENS, Server, fill, token_file
from tests.reference_server.extension_calls import BATCHES, CALLS, SLOW, TRAIN, YES, asking, total_of
from tests.reference_server.raw import DECLARED, EXTENSION, Raw, Refused
from tests.reference_server.test_jobs import MIGRATE, PROCESS

TOGETHER_S = 10  # one who waits for the store is refused after three seconds, however many wait
METHODS: dict[str, dict[str, Any]] = {
    "tasks/get": {},
    "tasks/update": {"inputResponses": {"overwrite": YES}},
    "tasks/cancel": {},
}


@pytest.fixture
def raw(shared: Server) -> Raw:
    return Raw(shared)


# --- negotiation


@pytest.mark.asyncio
async def test_the_extension_is_advertised_and_the_tasks_of_2025_are_not(shared: Server, protocol: str) -> None:
    session = await shared.open(protocol)
    await session.close()
    assert "tasks" not in session.capabilities
    if protocol == STATELESS:
        assert session.capabilities["extensions"][EXTENSION] == {}


@pytest.mark.asyncio
@pytest.mark.parametrize("capabilities", [{}, {"extensions": {}}, {"tasks": {}}, {"extensions": {"org.example/x": {}}}])
async def test_a_request_that_does_not_declare_it_gets_no_task(shared: Server, capabilities: dict[str, Any]) -> None:
    """Nor does it after one that does: each request stands for itself."""
    await Raw(shared).start("start_batch_processing", **BATCHES)
    plain = Raw(shared, capabilities)
    started = await plain.call("start_batch_processing", **BATCHES)
    assert started["resultType"] == "complete"
    assert [c["type"] for c in started["content"]] == ["text", "resource_link"]
    done = await plain.call("resumable_data_processing", **PROCESS)
    assert done["structuredContent"]["total_processed"] == RECORDS


@pytest.mark.asyncio
async def test_the_handshake_era_gets_the_resource_and_knows_no_tasks(shared: Server) -> None:
    session = await shared.open(HANDSHAKE)
    try:
        meta = {"io.modelcontextprotocol/clientCapabilities": DECLARED}
        reply = await session.call_tool("start_batch_processing", BATCHES, deadline_s=10, meta=meta)
        assert "resource_link" in [c["type"] for c in reply.content]
        for method in (*METHODS, "tasks/result", "tasks/list"):
            params = {"taskId": reply.structured["task_id"], **METHODS.get(method, {})}  # type: ignore[index]
            with pytest.raises(RpcError) as refused:
                await session.call(method, params, deadline_s=10)
            assert refused.value.code == -32601
    finally:
        await session.close()


@pytest.mark.asyncio
async def test_the_task_parameter_of_2025_is_ignored(raw: Raw) -> None:
    plain = Raw(raw.server, {})
    asked = {"name": "start_batch_processing", "arguments": BATCHES, "task": {"ttl": 1000}}
    assert (await plain.ask("tools/call", **asked))["resultType"] == "complete"
    assert (await raw.ask("tools/call", **asked))["resultType"] == "task"


@pytest.mark.asyncio
@pytest.mark.parametrize("method", ["tasks/result", "tasks/list"])
async def test_what_the_extension_has_dropped_is_not_there(raw: Raw, method: str) -> None:
    with pytest.raises(Refused) as refused:
        await raw.ask(method, taskId="any")
    assert (refused.value.status, refused.value.code) == (404, -32601)


# --- creation


@pytest.mark.parametrize("tool", SUBMISSIONS)
def test_a_task_is_submitted_with_the_arguments_of_its_tool(tool: str) -> None:
    """Names, types and defaults are written in two places: they are the same."""
    called: Callable[..., Any] = getattr(processing if tool == "resumable_data_processing" else durable, tool)
    asked, submitted = (
        {p.name: (p.annotation, p.default) for p in inspect.signature(taking).parameters.values()}
        for taking in (called, SUBMISSIONS[tool])
    )
    assert asked.pop("ctx")
    assert submitted.pop("engine")
    assert asked == submitted


@pytest.mark.asyncio
@pytest.mark.parametrize("tool", CALLS)
async def test_a_call_becomes_a_task_and_its_result_is_that_of_the_tool(raw: Raw, tool: str) -> None:
    call = {**CALLS[tool], **({"client_id": "as a task"} if tool == "resumable_data_processing" else {})}
    created = await raw.call(tool, **call)
    assert created["resultType"] == "task"
    assert created["status"] == "working"
    assert created["ttlMs"] is None
    assert created["pollIntervalMs"] > 0
    assert not created.keys() & {"result", "error", "inputRequests"}
    first = await raw.get(created["taskId"])
    assert first["resultType"] == "complete"
    task = await raw.until(created["taskId"])
    assert task["status"] == "completed"
    assert task["createdAt"] == created["createdAt"] < task["lastUpdatedAt"]
    result = task["result"]
    assert result["isError"] is False
    assert json.loads(result["content"][0]["text"]) == result["structuredContent"]
    if tool == "resumable_data_processing":
        plain = await Raw(raw.server, {}).call(tool, **call)
        assert result["structuredContent"] == plain["structuredContent"]
        assert result["content"] == [{"type": "text", "text": plain["content"][0]["text"]}]
    else:
        status = await raw.server.status(created["taskId"])
        assert result["structuredContent"] == status["result_data"]


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("tool", "arguments", "said"),
    [
        ("start_data_migration", {"source_path": "orders.jsonl"}, "destination_path: Missing required argument"),
        ("start_data_migration", {**MIGRATE, "source_path": "none.jsonl"}, "there is no file 'none.jsonl'"),
        ("start_data_migration", {**MIGRATE, "destination_path": "orders.jsonl"}, "the same file"),
        ("start_batch_processing", {"batch_size": "many"}, "batch_size: Input should be a valid integer"),
        ("start_batch_processing", {"batch_size": 0}, "batch_size must be a whole number from 1"),
        ("start_batch_processing", {"total_items": 1, "engine": 1}, "engine: Unexpected keyword argument"),
        ("start_batch_processing", {"total_items": 1, "other": 1}, "other: Unexpected keyword argument"),
        ("start_ml_training", {"model_name": ""}, "model_name must be 1 to 128 printable characters"),
        ("resumable_data_processing", {**PROCESS, "total_records": 61}, "has only 60 records"),
        ("resumable_data_processing", {"client_id": ["x"]}, "client_id: Input should be a valid string"),
    ],
)
async def test_what_the_tool_refuses_is_its_error_and_makes_no_task(
    raw: Raw, tool: str, arguments: dict[str, Any], said: str
) -> None:
    before = await total_of(raw.server)
    refused = await raw.call(tool, **arguments)
    assert refused["resultType"] == "complete"
    assert refused["isError"] is True
    assert said in refused["content"][0]["text"]
    assert await total_of(raw.server) == before


@pytest.mark.asyncio
async def test_the_same_key_is_the_same_task_and_never_another_request(raw: Raw) -> None:
    asked = {**BATCHES, "idempotency_key": "only once"}
    task_id = await raw.start("start_batch_processing", **asked)
    await raw.until(task_id)
    again = await raw.call("start_batch_processing", **asked)
    assert (again["resultType"], again["taskId"], again["status"]) == ("task", task_id, "completed")
    plain = await Raw(raw.server, {}).call("start_batch_processing", **asked)
    assert plain["structuredContent"]["task_id"] == task_id
    other = await raw.call("start_batch_processing", **{**asked, "total_items": 21})
    assert other["isError"] is True
    assert "this idempotency_key was used for another request" in other["content"][0]["text"]


@pytest.mark.asyncio
@pytest.mark.parametrize("tool", CALLS)
async def test_a_task_is_on_the_disk_before_the_client_knows_its_id(fresh: Server, tool: str) -> None:
    task_id = await Raw(fresh.start()).start(tool, **CALLS[tool])
    fresh.kill()
    raw = Raw(fresh.start())
    task = await raw.until(task_id)
    assert task["status"] == "completed", task
    assert await total_of(fresh) == 1
    if tool == "start_data_migration":
        assert (fresh.data / "copy.jsonl").read_bytes() == (fresh.data / "orders.jsonl").read_bytes()


@pytest.mark.asyncio
async def test_a_task_that_is_killed_before_its_first_write_is_there_and_completes_exactly(fresh: Server) -> None:
    fresh.start(points="before-write@1")
    task_id = await fresh.park("start_ml_training", **TRAIN)
    fresh.kill()
    task = await Raw(fresh.start()).until(task_id)
    undisturbed = await Raw(fresh).until(await Raw(fresh).start("start_ml_training", **TRAIN))
    weights = [t["result"]["structuredContent"]["weights_sha256"] for t in (task, undisturbed)]
    assert weights[0] == weights[1]
    assert task["taskId"] != undisturbed["taskId"]


# --- refusals


@pytest.mark.asyncio
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("task_id", ["nobody's", "", "x" * 100_000, "\ud800", "\0", "ü' OR 1=1 --"])
async def test_an_unknown_task_is_refused(raw: Raw, method: str, task_id: str) -> None:
    raw = Raw(raw.server, headers={"Mcp-Name": None})
    with pytest.raises(Refused, match="there is no task") as refused:
        await raw.ask(method, taskId=task_id, **METHODS[method])
    assert (refused.value.status, refused.value.code) == (400, -32602)
    assert len(refused.value.text) < 1000


@pytest.mark.asyncio
@pytest.mark.parametrize("method", METHODS)
async def test_a_request_must_declare_the_extension_itself(raw: Raw, method: str) -> None:
    task_id = await raw.start("start_batch_processing", **BATCHES)
    for known in (task_id, "unknown"):
        with pytest.raises(Refused) as refused:
            await Raw(raw.server, {}).ask(method, taskId=known, **METHODS[method])
        assert (refused.value.status, refused.value.code) == (400, -32021)
        assert refused.value.data == {"requiredCapabilities": {"extensions": {EXTENSION: {}}}}


@pytest.mark.asyncio
@pytest.mark.parametrize("method", METHODS)
async def test_a_header_may_be_missing_but_not_name_another_task(raw: Raw, method: str) -> None:
    task_id = await raw.start("start_batch_processing", **BATCHES)
    await raw.until(task_id)
    encoded = f"=?base64?{base64.b64encode(task_id.encode()).decode()}?="
    for header in (None, task_id, encoded):
        assert await Raw(raw.server, headers={"Mcp-Name": header}).ask(method, taskId=task_id, **METHODS[method])
    for header in ("another", "=?base64?!?="):
        with pytest.raises(Refused) as refused:
            await Raw(raw.server, headers={"Mcp-Name": header}).ask(method, taskId=task_id, **METHODS[method])
        assert (refused.value.status, refused.value.code) == (400, -32020)


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("tasks/get", {}),
        ("tasks/get", {"taskId": 7}),
        ("tasks/get", {"task_id": "x"}),
        ("tasks/update", {"taskId": "x"}),
        ("tasks/update", {"taskId": "x", "inputResponses": []}),
        ("tasks/cancel", {"taskId": None}),
    ],
)
async def test_malformed_parameters_are_refused(raw: Raw, method: str, params: dict[str, Any]) -> None:
    with pytest.raises(Refused) as refused:
        await Raw(raw.server, headers={"Mcp-Name": None}).ask(method, **params)
    assert refused.value.code == -32602


@pytest.mark.sqlite
@pytest.mark.asyncio
async def test_a_store_that_cannot_write_is_an_internal_error_for_all_who_wait_and_tasks_go_on(
    fresh: Server,
) -> None:
    raw, task_id = await asking(fresh)
    with closing(sqlite3.connect(fresh.store, isolation_level=None)) as db:
        db.execute("BEGIN IMMEDIATE")
        asked = [raw.cancel(task_id), raw.update(task_id, overwrite=YES), raw.call("start_batch_processing", **BATCHES)]
        async with asyncio.timeout(TOGETHER_S):
            *refused, created = await asyncio.gather(*asked, return_exceptions=True)
        for error in refused:
            assert isinstance(error, Refused)
            assert "the store cannot be written now" in error.text
            assert error.code == -32603
        assert isinstance(created, dict)
        assert created["isError"] is True
        db.execute("ROLLBACK")
    assert (await raw.get(task_id))["status"] == "input_required"
    assert await total_of(fresh) == 1


@pytest.mark.asyncio
async def test_a_task_of_another_is_refused_as_if_it_were_unknown(tmp_path: Path) -> None:
    fill(tmp_path)
    server = Server(tmp_path, extra=("--tokens", str(token_file(tmp_path)))).start()
    try:
        ann, ben = (Raw(server, headers={"Authorization": f"Bearer {token}"}) for token in TOKENS.values())
        task_id = await ann.start("start_batch_processing", **{**SLOW, "idempotency_key": "k"})
        assert await ben.start("start_batch_processing", **{**SLOW, "idempotency_key": "k"}) != task_id
        for life in range(2):
            for method, params in METHODS.items():
                said = []
                for asked in (task_id, "0" * len(task_id)):
                    with pytest.raises(Refused) as refused:
                        await ben.ask(method, taskId=asked, **params)
                    said.append((refused.value.code, refused.value.text.replace(asked, "")))
                assert said[0] == said[1], method
            assert (await ann.get(task_id))["status"] == "working"
            if life == 0:
                server.kill()
                server.start()
    finally:
        server.kill()
