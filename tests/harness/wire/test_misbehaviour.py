"""Servers that do it wrongly: each failure has its type, comes on time, and costs bounded memory."""

from __future__ import annotations

import asyncio
import json
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mcp_crashtest.wire import http, streamable
from mcp_crashtest.wire.errors import (
    Broken,
    DeadlineExceeded,
    HttpError,
    ProtocolViolation,
    RpcError,
    SessionLost,
    Unsupported,
    WireError,
)
from mcp_crashtest.wire.session import Session
from tests.harness.wire.peers import (
    STREAM_END,
    STREAM_HEAD,
    Behaviour,
    Request,
    after_opening,
    answers,
    begins,
    chunk,
    error,
    event,
    peer,
    repeats,
    resets,
    response,
    result,
    sends,
    streams,
)
from tests.harness.wire.talking import AMPLE_S, ERAS, HEAD, LEGACY, MODERN, call, progress, told

WRONG: dict[str, tuple[Behaviour, type[WireError]]] = {
    "garbage instead of HTTP": (sends(b"\x00\x01garbage\r\n\r\n"), ProtocolViolation),
    "another protocol": (sends(b"SSH-2.0-OpenSSH_9.2\r\n"), ProtocolViolation),
    "a huge header": (sends(b"HTTP/1.1 200 OK\r\nx: " + b"y" * (1 << 17) + b"\r\n\r\n"), ProtocolViolation),
    "endless headers": (repeats(b"HTTP/1.1 200 OK\r\n", b"x: y\r\n" * 1000), ProtocolViolation),
    "an endless body": (repeats(HEAD + b"\r\n", b"x" * 10_000), ProtocolViolation),
    "an endless body in chunks": (
        repeats(HEAD + b"transfer-encoding: chunked\r\n\r\n", chunk(b"x" * 10_000)),
        ProtocolViolation,
    ),
    "an endless event": (repeats(STREAM_HEAD, chunk(b"data: " + b"x" * 10_000)), ProtocolViolation),
    "a false chunk": (sends(STREAM_HEAD, b"zz\r\n"), ProtocolViolation),
    "no JSON": (sends(response("<html>hello</html>")), ProtocolViolation),
    "no JSON in an event": (sends(STREAM_HEAD, chunk(b"data: {oops\n\n"), STREAM_END), ProtocolViolation),
    "JSON that is no message": (sends(response("[]")), ProtocolViolation),
    "not a number": (sends(response('{"jsonrpc":"2.0","id":1,"result":{"x":NaN}}')), ProtocolViolation),
    "nesting without end": (sends(response(b"[" * 100_000)), ProtocolViolation),
    "nothing at all in a success": (sends(response(status=202)), ProtocolViolation),
    "a message that is neither": (answers(lambda id_: {"jsonrpc": "2.0", "id": id_}), ProtocolViolation),
    "a result that is no object": (answers(lambda id_: {"jsonrpc": "2.0", "id": id_, "result": 1}), ProtocolViolation),
    "another id": (answers(lambda id_: told(id_ + 1)), ProtocolViolation),
    "the id as text": (answers(lambda id_: told(str(id_))), ProtocolViolation),
    "another id in a stream": (streams(lambda id_: told(id_ + 1)), ProtocolViolation),
    "another request's error": (answers(lambda id_: error(id_ + 1, -32603, "x")), ProtocolViolation),
    "a task": (answers(lambda id_: told(id_, resultType="task", taskId="x")), Unsupported),
    "a request for input": (streams(lambda id_: told(id_, resultType="input_required")), Unsupported),
    "end before the answer": (sends(), Broken),
    "half a status line": (sends(b"HTTP/1.1 2"), Broken),
    "half the headers": (sends(HEAD), Broken),
    "half a body": (sends(HEAD + b'content-length: 100\r\n\r\n{"jsonrpc"'), Broken),
    "half a body without a length": (sends(HEAD + b'\r\n{"jsonrpc"'), Broken),
    "half a chunk": (sends(STREAM_HEAD, b"20\r\ndata: {"), Broken),
    "half the length of a chunk": (sends(STREAM_HEAD, b"2"), Broken),
    "half the end of a line": (sends(STREAM_HEAD, b"2\r"), Broken),
    "half the end of a chunk": (sends(STREAM_HEAD, b"2\r\nxx\r"), Broken),
    "half the end of a body": (sends(STREAM_HEAD, b"0\r\n"), Broken),
    "half an event": (sends(STREAM_HEAD, chunk(b'data: {"jsonrpc":"2.0","id":1}\n'), STREAM_END), Broken),
    "a stream without the answer": (streams(lambda _id: progress("x", progress=1)), Broken),
    "an empty stream": (streams(), Broken),
    "a reset": (resets, Broken),
    "silence": (begins(), DeadlineExceeded),
    "silence in the headers": (begins(HEAD), DeadlineExceeded),
    "silence in a stream": (begins(STREAM_HEAD, chunk(b": ping\n\n")), DeadlineExceeded),
    "pings without an answer": (repeats(STREAM_HEAD, chunk(b": ping\r\n\r\n")), DeadlineExceeded),
    "status 500": (sends(response("oops", 500)), HttpError),
    "status 503": (sends(response("", 503)), HttpError),
    "status 500 with a JSON-RPC error": (answers(lambda id_: error(id_, -32603, "x"), 500), HttpError),
    "a redirect": (sends(response(status=307, location="/mcp/")), HttpError),
    "status 401": (sends(response("who are you?", 401)), HttpError),
    "an error": (answers(lambda id_: error(id_, -32602, "bad")), RpcError),
    "an error for nobody": (answers(lambda _id: error(None, -32700, "bad")), RpcError),
    "an error in a stream": (streams(lambda id_: error(id_, -32602, "bad")), RpcError),
    "status 400 with a JSON-RPC error": (answers(lambda id_: error(id_, -32602, "bad"), 400), RpcError),
}
LOST: dict[str, Behaviour] = {
    "status 404": sends(response("Not Found", 404)),
    "status 404 with an error": answers(lambda _id: error("server-error", -32600, "Session not found"), 404),
    "an error of its own": answers(lambda id_: error(id_, -32600, "Session not found")),
    "status 400, as is common": answers(
        lambda _id: error(None, -32000, "Bad Request: No valid session ID provided"), 400
    ),
}


@pytest.fixture
def small_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "_LONGEST_BODY_BYTES", 1 << 20)
    monkeypatch.setattr(streamable, "_LONGEST_EVENT_BYTES", 1 << 20)


@pytest.mark.asyncio
@pytest.mark.usefixtures("small_bounds")
@pytest.mark.parametrize("wrong", WRONG)
@ERAS
async def test_each_failure_has_its_type_and_comes_on_time(protocol: str, wrong: str) -> None:
    behave, expected = WRONG[wrong]
    async with peer(after_opening(behave)) as there:
        deadline_s = 0.2 if expected is DeadlineExceeded else AMPLE_S
        began = time.monotonic()
        with pytest.raises(expected) as caught:
            await call(there.url, protocol, deadline_s)
        assert caught.type is expected
        assert str(caught.value).isprintable()
        assert len(str(caught.value)) < 1000
        assert time.monotonic() - began < deadline_s + 1


@pytest.mark.asyncio
@pytest.mark.parametrize("way", LOST)
async def test_a_lost_session_is_told_from_a_refusal(way: str) -> None:
    async with peer(after_opening(LOST[way])) as there:
        with pytest.raises(SessionLost):
            await call(there.url, LEGACY)


@pytest.mark.asyncio
async def test_without_a_session_none_can_be_lost() -> None:
    async with peer(after_opening(answers(lambda id_: error(id_, -32601, "no such session method"), 404))) as there:
        with pytest.raises(RpcError):
            await call(there.url, MODERN)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(st.one_of(st.binary(), st.binary().map(STREAM_HEAD.__add__), st.binary().map(lambda b: response(b))))
def test_whatever_bytes_come_the_failure_is_ours_to_name(raw: bytes) -> None:
    async def meet() -> None:
        async with peer(sends(raw)) as there:
            with pytest.raises((Broken, ProtocolViolation, HttpError, RpcError)):
                await Session.open(there.url, protocol=MODERN, deadline_s=AMPLE_S)

    asyncio.run(meet())


@pytest.mark.asyncio
@ERAS
async def test_comments_other_events_and_informational_answers_are_read_over(protocol: str) -> None:
    async def behave(request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n" + STREAM_HEAD)
        writer.write(chunk(b": hello\r\n\r\n") + chunk(b"id: 1\r\ndata:\r\n\r\n") + chunk(b"event: ping\ndata: x\n\n"))
        whole = event(told(request.message["id"]))
        for i in range(0, len(whole), 7):
            writer.write(whole[i : i + 7])
            await asyncio.sleep(0)
        writer.write(STREAM_END)

    async with peer(after_opening(behave)) as there:
        assert (await call(there.url, protocol)).text == "done"


@pytest.mark.asyncio
async def test_an_answer_that_ends_with_its_connection_is_taken_if_it_is_whole() -> None:
    async def behave(request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD + b"\r\n" + json.dumps(told(request.message["id"])).encode())

    async with peer(after_opening(behave)) as there:
        assert (await call(there.url, LEGACY)).text == "done"


@pytest.mark.asyncio
async def test_progress_that_is_no_progress_is_not_handed_on() -> None:
    async def behave(request: Request, writer: asyncio.StreamWriter) -> None:
        token = request.message["params"]["_meta"]["progressToken"]
        writer.write(STREAM_HEAD + event(progress("another's", progress=1)))
        for odd in ("7", True, None, 10**400, [1]):
            writer.write(event(progress(token, progress=odd)))
        writer.write(chunk(f"data: {json.dumps(progress(token, progress=2)).replace('2}', '1e999}')}\n\n".encode()))
        writer.write(event({"jsonrpc": "2.0", "method": "notifications/progress", "params": [1]}))
        writer.write(event(progress(token, progress=3, total="many", message=7)))
        writer.write(event(progress(token, progress=4.5, total=9, message="half")))
        writer.write(event(told(request.message["id"])) + STREAM_END)

    seen: list[tuple[object, ...]] = []
    async with peer(after_opening(behave)) as there:
        await call(there.url, MODERN, on_progress=lambda *what: seen.append(what))
    assert seen == [(3, None, None), (4.5, 9, "half")]


@pytest.mark.asyncio
async def test_a_servers_ping_is_answered_and_its_other_requests_refused() -> None:
    answered = asyncio.Event()

    async def behave(request: Request, writer: asyncio.StreamWriter) -> None:
        if "method" not in request.message:
            answered.set()
            writer.write(response(status=202 if request.message["id"] == "p" else 400))
            return
        writer.write(STREAM_HEAD + event({"jsonrpc": "2.0", "id": "p", "method": "ping"}))
        writer.write(event({"jsonrpc": "2.0", "id": "s", "method": "sampling/createMessage", "params": {}}))
        await answered.wait()
        writer.write(event(told(request.message["id"])) + STREAM_END)

    async with peer(after_opening(behave)) as there:
        assert (await call(there.url, LEGACY)).text == "done"
        ours = {r.message["id"]: r for r in there.requests if r.message and "method" not in r.message}
    assert ours["p"].message == {"jsonrpc": "2.0", "id": "p", "result": {}}
    assert ours["p"].headers["mcp-session-id"] == "session-1"
    assert ours["s"].message["error"]["code"] == -32601


@pytest.mark.asyncio
async def test_a_servers_request_in_the_stateless_era_is_a_violation() -> None:
    asking = streams(lambda _id: {"jsonrpc": "2.0", "id": "p", "method": "ping"}, told)
    async with peer(after_opening(asking)) as there:
        with pytest.raises(ProtocolViolation, match="request from the server"):
            await call(there.url, MODERN)


@pytest.mark.asyncio
async def test_what_a_server_says_cannot_steer_a_terminal() -> None:
    async with peer(after_opening(answers(lambda id_: error(id_, -32000, "\x1b]0;owned\x07" + "x" * 5000)))) as there:
        with pytest.raises(RpcError) as caught:
            await call(there.url, MODERN)
    assert str(caught.value).startswith("\\x1b]0;owned\\x07xxx")
    assert len(str(caught.value)) < 400


@pytest.mark.asyncio
@pytest.mark.parametrize("id_", ["\xe9", "a b", "", "\x7f"])
async def test_a_session_id_that_cannot_be_sent_back_is_a_violation(id_: str) -> None:
    async def behave(request: Request, writer: asyncio.StreamWriter) -> None:
        answer = result(request.message["id"], protocolVersion=LEGACY)
        writer.write(response(json.dumps(answer), mcp_session_id=id_))

    async with peer(behave) as there:
        with pytest.raises(ProtocolViolation):
            await Session.open(there.url, protocol=LEGACY, deadline_s=AMPLE_S)
