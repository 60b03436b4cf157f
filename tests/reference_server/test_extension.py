"""The Tasks extension, with raw JSON-RPC: tasks are created, polled, answered and cancelled, whatever is killed."""

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
from reference_server.extension import LONGEST_ANSWER_CHARACTERS, STATUS, SUBMISSIONS
from reference_server.lifecycle import Status
from reference_server.tools import durable, processing
from tests.reference_server.conftest import RECORDS, Server, fill
from tests.reference_server.raw import DECLARED, EXTENSION, Raw, Refused
from tests.reference_server.test_jobs import MIGRATE, PROCESS

BATCHES: dict[str, Any] = {"batch_size": 5, "total_items": 20}
SLOW: dict[str, Any] = {"batch_size": 1, "total_items": 10, "processing_delay": 60}
TRAIN: dict[str, Any] = {"model_name": "little", "dataset_size": 200, "epochs": 3}
CALLS: dict[str, dict[str, Any]] = {
    "start_data_migration": MIGRATE,
    "start_batch_processing": BATCHES,
    "start_ml_training": TRAIN,
    "resumable_data_processing": PROCESS,
}
CONFIRM: dict[str, Any] = {**MIGRATE, "destination_path": "there.jsonl", "confirm": True}
YES = {"action": "accept", "content": {"overwrite": True}}
METHODS: dict[str, dict[str, Any]] = {
    "tasks/get": {},
    "tasks/update": {"inputResponses": {"overwrite": YES}},
    "tasks/cancel": {},
}
TOKENS = {"ann": "ann-has-a-long-token-here", "ben": "ben-has-another-long-token"}


@pytest.fixture
def raw(shared: Server) -> Raw:
    return Raw(shared)


async def total_of(server: Server) -> int:
    return int((await server.read("task://list"))["total"])


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


# --- statuses


def test_every_status_has_one_of_the_extension() -> None:
    assert set(STATUS) == set(Status)
    assert set(STATUS.values()) == {"working", "input_required", "completed", "cancelled"}


@pytest.mark.asyncio
async def test_a_paused_task_is_working_and_says_how_it_goes_on(raw: Raw) -> None:
    task_id = await raw.start("start_batch_processing", **{**SLOW, "idempotency_key": "pause"})
    await raw.until_it_says(task_id, "Processed 1/10 items")
    await raw.server.call("pause_task", task_id=task_id)
    task = await raw.get(task_id)
    assert task["status"] == "working"
    assert task["statusMessage"] == "Paused at 1/10: resume_task lets it go on"
    assert await raw.cancel(task_id)
    assert (await raw.get(task_id))["status"] == "cancelled"


@pytest.mark.asyncio
async def test_a_job_that_fails_has_completed_with_the_error_of_its_tool(fresh: Server) -> None:
    raw, task_id = await asking(fresh)
    (fresh.data / "orders.jsonl").unlink()
    await raw.update(task_id, overwrite=YES)
    task = await raw.until(task_id)
    assert task["status"] == "completed"
    assert task["result"]["isError"] is True
    assert "error" not in task
    assert "orders.jsonl cannot be used: No such file" in task["result"]["content"][0]["text"]
    assert task["statusMessage"] in task["result"]["content"][0]["text"]


@pytest.mark.asyncio
async def test_what_the_server_itself_fails_has_failed_with_a_json_rpc_error(fresh: Server) -> None:
    task_id = await Raw(fresh.start()).start("start_batch_processing", **SLOW)
    fresh.kill()
    with closing(sqlite3.connect(fresh.store, isolation_level=None)) as db:
        db.execute("UPDATE tasks SET parameters = '{}'")
    task = await Raw(fresh.start()).until(task_id)
    assert task["status"] == "failed"
    assert "result" not in task
    assert task["error"]["code"] == -32603
    assert task["error"]["message"] == task["statusMessage"]
    assert task["statusMessage"].startswith("internal error (KeyError)")


@pytest.mark.asyncio
async def test_a_terminal_task_never_changes_over_polls_requests_and_a_restart(fresh: Server) -> None:
    raw = Raw(fresh.start())
    done = await raw.start("start_batch_processing", **BATCHES)
    cancelled = await raw.start("start_batch_processing", **SLOW)
    await raw.cancel(cancelled)
    before = [await raw.until(task_id) for task_id in (done, cancelled)]
    assert [task["status"] for task in before] == ["completed", "cancelled"]
    for task_id in (done, cancelled):
        assert await raw.get(task_id) == await raw.get(task_id)
        assert (await raw.cancel(task_id))["resultType"] == "complete"
        assert (await raw.update(task_id, overwrite=YES))["resultType"] == "complete"
    fresh.kill()
    fresh.start()
    assert [await raw.get(task_id) for task_id in (done, cancelled)] == before


@pytest.mark.asyncio
async def test_a_task_that_works_does_not_change_by_being_looked_at_or_by_a_restart(fresh: Server) -> None:
    raw = Raw(fresh.start())
    task_id = await raw.start("start_batch_processing", **SLOW)
    before = await raw.until_it_says(task_id, "Processed 1/10 items")
    assert await raw.get(task_id) == before
    for _ in range(2):
        fresh.kill()
        await asyncio.to_thread(fresh.start_parked, "before-write@2")
    with closing(sqlite3.connect(fresh.store)) as db:
        [(updated_at,)] = db.execute("SELECT updated_at FROM tasks").fetchall()
    assert updated_at == before["lastUpdatedAt"]


@pytest.mark.asyncio
async def test_the_ttl_is_how_long_the_server_keeps_finished_tasks(fresh: Server) -> None:
    fresh.extra = ("--retention-days", "2")
    raw = Raw(fresh.start())
    task_id = await raw.start("start_batch_processing", **BATCHES)
    assert (await raw.until(task_id))["ttlMs"] == 2 * 24 * 60 * 60 * 1000


# --- input


async def asking(fresh: Server) -> tuple[Raw, str]:
    """A migration that waits for an answer."""
    (fresh.data / "there.jsonl").write_text("old\n")
    raw = Raw(fresh.start())
    task_id = await raw.start("start_data_migration", **CONFIRM)
    await raw.until(task_id, "input_required")
    return raw, task_id


@pytest.mark.asyncio
async def test_a_question_survives_a_kill_and_is_asked_under_the_same_key(fresh: Server) -> None:
    raw, task_id = await asking(fresh)
    before = await raw.get(task_id)
    assert list(before["inputRequests"]) == ["overwrite"]
    assert before["inputRequests"]["overwrite"]["method"] == "elicitation/create"
    assert before["inputRequests"]["overwrite"]["params"]["mode"] == "form"
    fresh.kill()
    fresh.start()
    assert await raw.get(task_id) == before
    acknowledged = await raw.update(task_id, overwrite=YES)
    assert acknowledged.keys() - {"_meta"} == {"resultType"}
    fresh.kill()
    fresh.start()
    task = await raw.until(task_id)
    assert task["result"]["structuredContent"]["migrated_records"] == RECORDS
    assert (fresh.data / "there.jsonl").read_bytes() == (fresh.data / "orders.jsonl").read_bytes()


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "answer",
    [
        {"action": "decline"},
        {"action": "cancel", "content": None},
        {"action": "accept", "content": {"overwrite": False}},
        {"action": "accept"},
    ],
)
async def test_without_a_yes_nothing_is_overwritten(fresh: Server, answer: dict[str, Any]) -> None:
    raw, task_id = await asking(fresh)
    await raw.update(task_id, overwrite=answer)
    await raw.update(task_id, overwrite=YES)  # too late: the first answer counts
    task = await raw.until(task_id)
    assert task["result"]["isError"] is True
    assert "there.jsonl was not to be overwritten" in task["result"]["content"][0]["text"]
    assert (fresh.data / "there.jsonl").read_text() == "old\n"


@pytest.mark.asyncio
async def test_what_is_no_answer_leaves_the_question_open(fresh: Server) -> None:
    raw, task_id = await asking(fresh)
    before = await raw.get(task_id)
    long = {"action": "accept", "content": {"overwrite": True, "why": "x" * LONGEST_ANSWER_CHARACTERS}}
    for answer in (True, "yes", {}, {"action": "perhaps"}, {"action": "accept", "content": [1]}, long):
        with pytest.raises(Refused, match="overwrite") as refused:
            await raw.update(task_id, overwrite=answer)
        assert refused.value.code == -32602
    await raw.update(task_id, other=YES)
    await raw.update(task_id)
    assert await raw.get(task_id) == before


@pytest.mark.asyncio
async def test_a_question_may_be_answered_by_cancelling(fresh: Server) -> None:
    raw, task_id = await asking(fresh)
    await raw.cancel(task_id)
    task = await raw.get(task_id)
    assert task["status"] == "cancelled"
    assert "inputRequests" not in task


# --- cancellation


@pytest.mark.asyncio
async def test_a_cancel_survives_a_kill_right_after_its_acknowledgement(fresh: Server) -> None:
    raw = Raw(fresh.start())
    task_id = await raw.start("start_batch_processing", **SLOW)
    await raw.until_it_says(task_id, "Processed 1/10 items")
    acknowledged = await raw.cancel(task_id)
    fresh.kill()
    assert acknowledged.keys() - {"_meta"} == {"resultType"}
    fresh.start()
    task = await raw.get(task_id)
    assert task["status"] == "cancelled"
    assert await raw.cancel(task_id)
    assert await raw.get(task_id) == task
    assert len(fresh.executions()) == 1


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


@pytest.mark.asyncio
async def test_a_store_that_cannot_write_is_an_internal_error_and_the_task_goes_on(fresh: Server) -> None:
    raw, task_id = await asking(fresh)
    with closing(sqlite3.connect(fresh.store, isolation_level=None)) as db:
        db.execute("BEGIN IMMEDIATE")
        for request in (raw.cancel(task_id), raw.update(task_id, overwrite=YES)):
            with pytest.raises(Refused, match="the store cannot be written now") as refused:
                await request
            assert refused.value.code == -32603
        created = await raw.call("start_batch_processing", **BATCHES)
        assert created["isError"] is True
        db.execute("ROLLBACK")
    assert (await raw.get(task_id))["status"] == "input_required"
    assert await total_of(fresh) == 1


@pytest.mark.asyncio
async def test_a_task_of_another_is_refused_as_if_it_were_unknown(tmp_path: Path) -> None:
    fill(tmp_path)
    tokens = tmp_path / "tokens"
    tokens.write_text("".join(f"{who} {token}\n" for who, token in TOKENS.items()))
    tokens.chmod(0o600)
    server = Server(tmp_path, extra=("--tokens", str(tokens))).start()
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


@pytest.mark.asyncio
async def test_after_many_kills_the_same_id_leads_to_the_exact_result(fresh: Server) -> None:
    """Each life is killed with a batch written and not committed."""
    wanted = {"batch_size": 5, "total_items": 20, "processing_delay": 0.01}
    task_id = await Raw(fresh.start()).start("start_batch_processing", **wanted, idempotency_key="disturbed")
    fresh.kill()
    done = len(fresh.executions())
    for batch in range(done // 5 + 1, 5):
        fresh.start(points=f"written-uncommitted@{batch}")
        await asyncio.to_thread(fresh.wait_parked)
        fresh.kill()
    raw = Raw(fresh.start())
    task = await raw.until(task_id)
    undisturbed = await raw.until(await raw.start("start_batch_processing", **wanted, idempotency_key="not"))
    assert task["result"] == undisturbed["result"]
