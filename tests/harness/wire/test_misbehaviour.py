"""Servers that do it wrongly: each failure has its type, comes on time, and costs bounded memory."""

from __future__ import annotations

import asyncio
import gc
import json
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mcp_crashtest.wire import http, session, streamable
from mcp_crashtest.wire.errors import (
    Broken,
    DeadlineExceeded,
    HttpError,
    ProtocolViolation,
    RpcError,
    SessionLost,
    Unreachable,
    Unsupported,
    WireError,
)
from mcp_crashtest.wire.http import Address
from mcp_crashtest.wire.session import Session
from mcp_crashtest.wire.streamable import Streamable
from mcp_crashtest.wire.transport import Connection
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
    opened,
    peer,
    repeats,
    resets,
    response,
    result,
    sends,
    streams,
)

MODERN, LEGACY = "2026-07-28", "2025-11-25"
ERAS = pytest.mark.parametrize("protocol", [MODERN, LEGACY])
AMPLE_S = 5.0
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"


def told(id_: Any, **found: Any) -> dict[str, Any]:
    return result(id_, content=[{"type": "text", "text": "done"}], **found)


async def call(url: str, protocol: str, deadline_s: float = AMPLE_S, **callbacks: Any) -> session.ToolReply:
    opened = await Session.open(url, protocol=protocol, deadline_s=AMPLE_S)
    return await opened.call_tool("t", {}, deadline_s=deadline_s, **callbacks)


def progress(token: Any, **params: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "method": "notifications/progress", "params": {"progressToken": token, **params}}


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


class Died(Exception):
    """A test's own accident."""


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


@pytest.mark.asyncio
@pytest.mark.parametrize("status", [400, 404, 405, 200])
async def test_a_server_without_discovery_is_opened_by_a_handshake(status: int) -> None:
    async def behave(request: Request, writer: asyncio.StreamWriter) -> None:
        if request.message["method"] == "server/discover":
            writer.write(response(json.dumps(error(None, -32000, "Bad Request: Missing session ID")), status))
        elif request.message["method"] == "initialize":
            answer = result(request.message["id"], protocolVersion="2025-06-18", serverInfo={"name": "old"})
            writer.write(response(json.dumps(answer)))
        else:
            writer.write(opened(request))

    async with peer(behave) as there:
        found = await Session.open(there.url, deadline_s=AMPLE_S)
        await found.close()
        assert (found.protocol, found.session_id, found.server_info) == ("2025-06-18", None, {"name": "old"})
        assert there.asked("initialize")[0].message["params"]["protocolVersion"] == LEGACY
        assert there.asked("notifications/initialized")[0].headers["mcp-protocol-version"] == "2025-06-18"


@pytest.mark.asyncio
async def test_the_revision_that_was_asked_for_is_the_one_that_is_spoken() -> None:
    async def behave(request: Request, writer: asyncio.StreamWriter) -> None:
        other = {"protocolVersion": "2025-06-18", "supportedVersions": ["2027-01-01"]}
        writer.write(response(json.dumps(result(request.message["id"], **other))))

    async with peer(behave) as there:
        for protocol in (MODERN, LEGACY):
            with pytest.raises(RpcError) as caught:
                await Session.open(there.url, protocol=protocol, deadline_s=AMPLE_S)
            assert caught.value.code == -32022


@pytest.mark.asyncio
@ERAS
async def test_a_pending_call_breaks_when_everything_is_dropped(protocol: str) -> None:
    async with peer(after_opening(begins(STREAM_HEAD))) as there:
        one = await Session.open(there.url, protocol=protocol, deadline_s=AMPLE_S)
        pending = asyncio.create_task(one.call_tool("t", {}, deadline_s=AMPLE_S))
        await asyncio.wait_for(there.called.wait(), AMPLE_S)
        one.abort()
        with pytest.raises(Broken):
            await pending
        await asyncio.wait_for(there.ended.wait(), AMPLE_S)
        with pytest.raises(Broken):
            await one.list_tools(deadline_s=AMPLE_S)
        await one.close()
        assert not [r for r in there.requests if r.method == "DELETE"]


@pytest.mark.asyncio
async def test_leaving_deletes_the_session_and_breaks_what_is_pending() -> None:
    async with peer(after_opening(begins())) as there:
        one = await Session.open(there.url, protocol=LEGACY, deadline_s=AMPLE_S)
        pending = asyncio.create_task(one.call_tool("t", {}, deadline_s=AMPLE_S))
        await asyncio.wait_for(there.called.wait(), AMPLE_S)
        await one.close()
        with pytest.raises(Broken):
            await pending
        deleted = [r for r in there.requests if r.method == "DELETE"]
        assert [r.headers["mcp-session-id"] for r in deleted] == ["session-1"]


@pytest.mark.asyncio
async def test_leaving_a_server_that_does_not_answer_is_over_before_two_seconds() -> None:
    async def behave(request: Request, writer: asyncio.StreamWriter) -> None:
        await (begins() if request.method == "DELETE" else sends(opened(request)))(request, writer)

    async with peer(behave) as there:
        one = await Session.open(there.url, protocol=LEGACY, deadline_s=AMPLE_S)
        await asyncio.wait_for(one.close(), timeout=1.9)


@pytest.mark.asyncio
async def test_many_calls_at_once_are_told_apart() -> None:
    async def behave(request: Request, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.01)
        name = request.message["params"]["name"]
        writer.write(response(json.dumps(result(request.message["id"], content=[{"type": "text", "text": name}]))))

    async with peer(after_opening(behave)) as there:
        one = await Session.open(there.url, protocol=MODERN, deadline_s=AMPLE_S)
        replies = await asyncio.gather(*(one.call_tool(f"t{n}", {}, deadline_s=AMPLE_S) for n in range(20)))
    assert [reply.text for reply in replies] == [f"t{n}" for n in range(20)]


@pytest.mark.asyncio
async def test_pages_are_put_together_and_do_not_go_on_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    async def behave(request: Request, writer: asyncio.StreamWriter) -> None:
        page = int(request.message["params"].get("cursor", 0))
        more = {} if page == 2 and request.message["method"] == "tools/list" else {"nextCursor": str(page + 1)}
        items = {"tools": [{"name": f"t{page}"}], "resources": [{"uri": f"x://{page}"}], "resourceTemplates": [7]}
        writer.write(response(json.dumps(result(request.message["id"], **items, **more))))

    monkeypatch.setattr(session, "_PAGES", 5)
    async with peer(after_opening(behave)) as there:
        one = await Session.open(there.url, protocol=MODERN, deadline_s=AMPLE_S)
        assert [tool["name"] for tool in await one.list_tools(deadline_s=AMPLE_S)] == ["t0", "t1", "t2"]
        with pytest.raises(ProtocolViolation, match="did not end within 5 pages"):
            await one.list_resources(deadline_s=AMPLE_S)
        with pytest.raises(ProtocolViolation, match="no list of objects"):
            await one.list_resource_templates(deadline_s=AMPLE_S)


@pytest.fixture
def full() -> Iterator[str]:
    """An endpoint that lets nobody in and turns nobody away: its queue is full."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        queue = [socket.socket() for _ in range(4)]
        for one in queue:
            one.setblocking(False)
            one.connect_ex(listener.getsockname())
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/mcp"
        for one in queue:
            one.close()


@pytest.mark.asyncio
async def test_a_connection_that_is_never_made_is_over_at_the_deadline(full: str) -> None:
    began = time.monotonic()
    with pytest.raises(DeadlineExceeded):
        await Session.open(full, protocol=MODERN, deadline_s=0.2)
    assert time.monotonic() - began < 1


@pytest.mark.asyncio
async def test_a_connection_that_is_never_made_can_be_dropped(full: str) -> None:
    exchange = http.Exchange(Address.of(full))
    sending = asyncio.create_task(exchange.send("POST", {}, b""))
    await asyncio.sleep(0.05)
    exchange.abort()
    with pytest.raises(Broken):
        await asyncio.wait_for(sending, timeout=1)


@pytest.mark.asyncio
async def test_who_is_cancelled_while_connecting_is_cancelled(full: str) -> None:
    opening = asyncio.create_task(Session.open(full, protocol=MODERN, deadline_s=AMPLE_S))
    await asyncio.sleep(0.05)
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1/mcp", "http://[::1]:1/mcp", "http://no-such-host.invalid/mcp", "http://" + "a" * 70]
)
async def test_where_nobody_listens_is_unreachable(url: str) -> None:
    with pytest.raises(Unreachable):
        await Session.open(url, protocol=MODERN, deadline_s=AMPLE_S)


@given(st.text().map("http://h/".__add__) | st.text().map("http://".__add__) | st.text())
def test_a_url_is_an_address_or_unreachable(url: str) -> None:
    try:
        address = Address.of(url)
    except Unreachable:
        return
    assert address.target.isascii()
    assert address.target.isprintable()
    assert " " not in address.target
    assert address.authority.isascii()


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://localhost:8000/mcp", Address("localhost", 8000, "/mcp", False)),
        ("https://example.com", Address("example.com", 443, "/", True)),
        ("http://[::1]/a%20b?c=d&e", Address("::1", 80, "/a%20b?c=d&e", False)),
        ("http://bücher.example/ä", Address("xn--bcher-kva.example", 80, "/%C3%A4", False)),
    ],
)
def test_a_url_is_taken_apart(url: str, expected: Address) -> None:
    assert Address.of(url) == expected


@pytest.mark.asyncio
async def test_headers_of_the_profile_are_sent_and_illegal_ones_are_our_own_mistake() -> None:
    async with peer(after_opening(answers(told))) as there:
        await Session.open(there.url, protocol=MODERN, deadline_s=AMPLE_S, headers={"Authorization": "Bearer x"})
        assert there.requests[0].headers["authorization"] == "Bearer x"
        with pytest.raises(ValueError, match="not legal in HTTP") as caught:
            await Session.open(there.url, deadline_s=AMPLE_S, headers={"Authorization": "secret\r\n"})
        assert "secret" not in str(caught.value)


@ERAS
def test_a_loop_that_dies_under_a_pending_call_leaves_nothing_behind(protocol: str) -> None:
    async def die(port: int) -> None:
        connection = Connection(protocol, on_message=lambda *_: sent.set())
        one = Session(Streamable(Address.of(f"http://127.0.0.1:{port}/mcp"), connection=connection))
        sent = asyncio.Event()
        left.append(asyncio.create_task(one.call_tool("t", {}, deadline_s=AMPLE_S)))
        await sent.wait()
        await asyncio.sleep(0.02)
        raise Died

    left: list[asyncio.Task[Any]] = []
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(Died):
        asyncio.run(die(silent.getsockname()[1]))
    assert left[0].cancelled()
    left.clear()
    gc.collect()  # a warning about a socket that was left open would fail this test


@pytest.fixture
def identity(tmp_path: Path) -> tuple[Path, Path]:
    """A certificate for this host, signed by itself, and its key."""
    if not shutil.which("openssl"):
        pytest.skip("there is no openssl to make a certificate with")
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    making = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    naming = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2"]
    subprocess.run([*making, "-keyout", key, "-out", certificate, *naming], check=True, capture_output=True)
    return certificate, key


@pytest.mark.asyncio
async def test_tls_is_spoken_and_strangers_are_not_trusted(
    identity: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate, key = identity
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    async with peer(after_opening(answers(told)), context) as there:
        with pytest.raises(Unreachable, match="certificate"):
            await call(there.url, MODERN)
        monkeypatch.setattr(http, "_tls", lambda: ssl.create_default_context(cafile=str(certificate)))
        assert (await call(there.url, MODERN)).text == "done"
