"""The Tasks extension on the wire: it is declared, answered with a task or without one, and asked about by id."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mcp_crashtest.wire.errors import NoTask, RpcError, Unsupported
from mcp_crashtest.wire.messages import STATELESS, TASKS
from mcp_crashtest.wire.session import Session, tool_reply
from tests.harness.wire.peers import Behaviour, Peer, after_opening, answers, error, peer, result

AMPLE_S = 5.0
CREATED = {"resultType": "task", "taskId": "täsk-1", "status": "working"}


async def opened(peer_: Peer, *extensions: str) -> Session:
    return await Session.open(peer_.url, protocol=STATELESS, deadline_s=AMPLE_S, extensions=extensions)


@pytest.mark.asyncio
async def test_a_call_that_becomes_a_task_is_declared_and_gives_its_first_state() -> None:
    async with peer(after_opening(answers(lambda id_: result(id_, **CREATED)))) as server:
        session = await opened(server, TASKS)
        assert await session.start_task("t", {"n": 1}, deadline_s=AMPLE_S) == CREATED
    (called,) = server.asked("tools/call")
    meta = called.message["params"]["_meta"]
    assert meta["io.modelcontextprotocol/clientCapabilities"] == {"extensions": {TASKS: {}}}


@pytest.mark.asyncio
@pytest.mark.parametrize("operation", ["get", "cancel"])
async def test_a_task_is_asked_about_by_id_in_the_body_and_in_the_routing_header(operation: str) -> None:
    async with peer(after_opening(answers(lambda id_: result(id_, status="working")))) as server:
        session = await opened(server, TASKS)
        found = await session.ask_task(operation, "täsk-1", deadline_s=AMPLE_S)
    assert found["status"] == "working"
    (asked,) = server.asked(f"tasks/{operation}")
    assert asked.message["params"]["taskId"] == "täsk-1"
    assert asked.headers["mcp-name"] == "=?base64?dMOkc2stMQ==?="


@pytest.mark.asyncio
@pytest.mark.parametrize("refused", [False, True])
async def test_an_answer_without_a_task_is_told_apart(refused: bool) -> None:
    said: dict[str, Any] = {"content": [{"type": "text", "text": "done"}], "isError": refused}
    async with peer(after_opening(answers(lambda id_: result(id_, **said)))) as server:
        session = await opened(server, TASKS)
        with pytest.raises(NoTask, match="done") as told:
            await session.start_task("t", {}, deadline_s=AMPLE_S)
    assert told.value.refused is refused


FOREIGN: dict[str, Behaviour] = {
    "undeclared": answers(lambda id_: result(id_, **CREATED)),
    "of another type": answers(lambda id_: result(id_, resultType="input_required")),
}


@pytest.mark.asyncio
async def test_a_task_that_was_not_asked_for_is_not_taken() -> None:
    async with peer(after_opening(FOREIGN["undeclared"])) as server:
        session = await opened(server)
        with pytest.raises(Unsupported):
            await session.start_task("t", {}, deadline_s=AMPLE_S)
    async with peer(after_opening(FOREIGN["of another type"])) as server:
        session = await opened(server, TASKS)
        with pytest.raises(Unsupported):
            await session.start_task("t", {}, deadline_s=AMPLE_S)


@pytest.mark.asyncio
async def test_an_unknown_task_is_an_error_with_its_code() -> None:
    async with peer(after_opening(answers(lambda id_: error(id_, -32602, "there is no task"), 400))) as server:
        session = await opened(server, TASKS)
        with pytest.raises(RpcError) as told:
            await session.ask_task("get", "x", deadline_s=AMPLE_S)
    assert told.value.code == -32602


def test_a_tasks_result_reads_as_a_tools_answer() -> None:
    reply = tool_reply(json.loads('{"content": [{"type": "text", "text": "a"}, 7], "structuredContent": {"n": 1}}'))
    assert (reply.is_error, reply.text, reply.structured) == (False, "a", {"n": 1})
    assert tool_reply({}).text == ""
