"""Sessions over a transport without a socket: both eras, what is said meanwhile, and every way to leave."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from mcp_crashtest.wire.errors import (
    DeadlineExceeded,
    HttpError,
    NoTask,
    ProtocolViolation,
    RpcError,
    SessionLost,
    Unreachable,
    Unsupported,
    WireError,
)
from mcp_crashtest.wire.messages import HANDSHAKE, STATELESS, TASKS, Message
from mcp_crashtest.wire.session import Session
from mcp_crashtest.wire.transport import Connection
from tests.harness.wire.scripted import (
    AMPLE_S,
    ERAS,
    PING,
    SAMPLING,
    TASK,
    Says,
    Scripted,
    error,
    fails,
    nothing,
    notified,
    opened,
    result,
    then,
    token_of,
)

pytestmark = pytest.mark.asyncio

# --- opening


async def test_the_stateless_era_is_opened_by_one_question() -> None:
    transport = Scripted()
    session = await opened(transport, STATELESS)
    assert [asked["method"] for asked in transport.asked] == ["server/discover"]
    meta = transport.asked[0]["params"]["_meta"]
    assert meta["io.modelcontextprotocol/protocolVersion"] == STATELESS
    assert (session.protocol, session.session_id, transport.told) == (STATELESS, None, [])
    assert (session.server_info, session.capabilities) == ({"name": "modern"}, {"tools": {}})


async def test_the_handshake_era_is_opened_by_a_handshake() -> None:
    transport = Scripted()
    session = await opened(transport, HANDSHAKE)
    assert [asked["method"] for asked in transport.asked] == ["initialize"]
    assert [told["method"] for told in transport.told] == ["notifications/initialized"]
    assert transport.asked[0]["params"]["protocolVersion"] == HANDSHAKE
    assert (session.protocol, session.server_info, session.capabilities) == (
        HANDSHAKE,
        {"name": "legacy"},
        {"tools": {}},
    )


@pytest.mark.parametrize("refusal", [error(-32601, "x"), fails(HttpError(404, "x")), fails(ProtocolViolation("x"))])
async def test_who_knows_no_discovery_is_met_with_a_handshake(refusal: Says) -> None:
    older = result(protocolVersion="2025-06-18")
    transport = Scripted({"server/discover": refusal, "initialize": older})
    session = await opened(transport, None)
    assert transport.asked[-1]["params"]["protocolVersion"] == HANDSHAKE
    assert session.protocol == "2025-06-18"


async def test_who_knows_discovery_is_not_asked_for_a_handshake() -> None:
    transport = Scripted()
    assert (await opened(transport, None)).protocol == STATELESS
    assert [asked["method"] for asked in transport.asked] == ["server/discover"]


async def test_a_server_that_is_away_is_not_asked_again() -> None:
    transport = Scripted({"server/discover": fails(Unreachable("x"))})
    with pytest.raises(Unreachable):
        await opened(transport, None)
    assert len(transport.asked) == 1


@pytest.mark.parametrize("protocol", [STATELESS, HANDSHAKE, None])
async def test_a_server_of_another_time_is_refused(protocol: str | None) -> None:
    other = {"server/discover": result(supportedVersions=["2099-01-01"]), "initialize": result(protocolVersion="1999")}
    with pytest.raises(RpcError) as caught:
        await opened(Scripted(other), protocol)
    assert caught.value.code == -32022


async def test_opening_ends_at_its_deadline() -> None:
    with pytest.raises(DeadlineExceeded):
        await Session.over(Scripted({"initialize": nothing}), protocol=HANDSHAKE, deadline_s=0.01)


# --- calls


@ERAS
async def test_the_result_of_any_request_comes_as_it_is(protocol: str) -> None:
    transport = Scripted({"vendor/thing": result(answer=[1, {"x": None}], _meta={"k": "v"})})
    session = await opened(transport, protocol)
    assert await session.call("vendor/thing", {"a": 1}, deadline_s=AMPLE_S) == {
        "answer": [1, {"x": None}],
        "_meta": {"k": "v"},
    }
    params = transport.asked[-1]["params"]
    assert params["a"] == 1
    assert "progressToken" not in params.get("_meta", {})


@ERAS
async def test_an_error_of_any_request_has_its_code(protocol: str) -> None:
    session = await opened(Scripted({"vendor/thing": error(-32601, "unknown")}), protocol)
    with pytest.raises(RpcError, match="unknown") as caught:
        await session.call("vendor/thing", {}, deadline_s=AMPLE_S)
    assert caught.value.code == -32601


@ERAS
async def test_progress_of_this_request_is_handed_on_and_anothers_is_not(protocol: str) -> None:
    def says(asked: Message) -> list[Message | WireError]:
        progress = [
            notified("notifications/progress", progressToken=token, progress=done, total=9)
            for token, done in ((token_of(asked), 1), ("another's", 5), (token_of(asked), 2))
        ]
        return [*progress, *result(done=True)(asked)]

    transport = Scripted({"vendor/thing": says})
    session = await opened(transport, protocol)
    seen: list[tuple[float, float | None, str | None]] = []
    meta = {"com.example/key": "k"}
    await session.call("vendor/thing", {"_meta": meta}, deadline_s=AMPLE_S, on_progress=lambda *p: seen.append(p))
    assert seen == [(1, 9, None), (2, 9, None)]
    assert transport.asked[-1]["params"]["_meta"]["com.example/key"] == "k"
    assert meta == {"com.example/key": "k"}


@ERAS
async def test_log_messages_are_handed_on_and_asked_for_where_that_is_needed(protocol: str) -> None:
    said = then(notified("notifications/message", data="hello"), last=result(content=[]))
    transport = Scripted({"tools/call": said})
    session = await opened(transport, protocol)
    logs: list[Mapping[str, Any]] = []
    await session.call_tool("t", {}, deadline_s=AMPLE_S, on_log=logs.append)
    assert logs == [{"data": "hello"}]
    asked = "io.modelcontextprotocol/logLevel" in transport.asked[-1]["params"].get("_meta", {})
    assert asked is (protocol == STATELESS)


@ERAS
async def test_what_nobody_wants_to_hear_is_read_over(protocol: str) -> None:
    said = then(notified("notifications/message"), notified("notifications/x"), last=result(content=[]))
    session = await opened(Scripted({"tools/call": said}), protocol)
    assert (await session.call_tool("t", {}, deadline_s=AMPLE_S)).text == ""


async def test_a_task_is_an_answer_where_tasks_were_declared_and_only_there() -> None:
    script = {"tools/call": result(**TASK), "tasks/get": result(status="working")}
    declared = await opened(Scripted(script), STATELESS, TASKS)
    assert await declared.call("tools/call", {"name": "t"}, deadline_s=AMPLE_S) == TASK
    assert await declared.start_task("t", {}, deadline_s=AMPLE_S) == TASK
    assert await declared.ask_task("get", "t-1", deadline_s=AMPLE_S) == {"status": "working"}
    plain = await opened(Scripted(script), STATELESS)
    with pytest.raises(Unsupported):
        await plain.call("tools/call", {"name": "t"}, deadline_s=AMPLE_S)
    without = await opened(Scripted({"tools/call": result(content=[])}), STATELESS, TASKS)
    with pytest.raises(NoTask):
        await without.start_task("t", {}, deadline_s=AMPLE_S)


@ERAS
async def test_a_request_that_is_never_answered_costs_its_deadline_and_not_the_session(protocol: str) -> None:
    session = await opened(Scripted({"slow": nothing, "fast": result()}), protocol)
    with pytest.raises(DeadlineExceeded):
        await session.call("slow", {}, deadline_s=0.01)
    assert await session.call("fast", {}, deadline_s=AMPLE_S) == {}


@ERAS
@pytest.mark.parametrize("wrong", [7, "1", None, True])
async def test_an_answer_to_another_request_is_a_violation(protocol: str, wrong: object) -> None:
    session = await opened(Scripted({"x": lambda _asked: [{"jsonrpc": "2.0", "id": wrong, "result": {}}]}), protocol)
    with pytest.raises(ProtocolViolation, match="the answer to request"):
        await session.call("x", {}, deadline_s=AMPLE_S)


async def test_a_lost_session_is_told_from_a_refusal_where_there_is_one() -> None:
    transport = Scripted({"x": error(-32600, "Session not found")})
    session = await opened(transport, HANDSHAKE)
    with pytest.raises(RpcError):
        await session.call("x", {}, deadline_s=AMPLE_S)
    transport.connection.session_id = "session-1"
    with pytest.raises(SessionLost):
        await session.call("x", {}, deadline_s=AMPLE_S)


@ERAS
async def test_the_record_sees_every_message_in_its_order(protocol: str) -> None:
    seen: list[tuple[str, str]] = []
    connection = Connection(on_message=lambda way, message: seen.append((way, str(message.get("method")))))
    said = then(notified("notifications/x"), last=result())
    session = await opened(Scripted({"vendor/thing": said}, connection=connection), protocol)
    seen.clear()
    await session.call("vendor/thing", {}, deadline_s=AMPLE_S)
    assert seen == [("sent", "vendor/thing"), ("received", "notifications/x"), ("received", "None")]


# --- the server asks


@pytest.mark.parametrize("deaf", [False, True])
async def test_a_servers_ping_is_answered_and_its_other_requests_refused(deaf: bool) -> None:
    transport = Scripted({"vendor/thing": then(PING, SAMPLING, last=result(done=True))})
    session = await opened(transport, HANDSHAKE)
    transport.deaf = deaf
    assert await session.call("vendor/thing", {}, deadline_s=AMPLE_S) == {"done": True}
    _initialized, pong, refusal = transport.told
    assert pong == {"jsonrpc": "2.0", "id": "p", "result": {}}
    assert (refusal["id"], refusal["error"]["code"]) == ("s", -32601)


async def test_in_the_stateless_era_a_server_has_nothing_to_ask() -> None:
    transport = Scripted({"vendor/thing": then(PING, last=result())})
    session = await opened(transport, STATELESS)
    with pytest.raises(ProtocolViolation, match="request from the server"):
        await session.call("vendor/thing", {}, deadline_s=AMPLE_S)
    assert transport.told == []
