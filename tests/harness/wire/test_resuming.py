"""Streams that are joined again, by raw bytes: what this side sends, and what it makes of what comes."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from mcp_crashtest.wire.errors import Broken, HttpError, SessionLost
from mcp_crashtest.wire.http import Address
from mcp_crashtest.wire.messages import Message
from mcp_crashtest.wire.rejoining import rejoining
from mcp_crashtest.wire.resuming import Part, Stream
from mcp_crashtest.wire.streamable import Streamable
from mcp_crashtest.wire.transport import Connection
from tests.harness.wire.peers import Request, peer

CALL: Message = {
    "jsonrpc": "2.0",
    "id": 7,
    "method": "tools/call",
    "params": {"name": "t", "arguments": {}, "_meta": {"progressToken": "p"}},
}
ANSWER: dict[str, Any] = {"id": 7, "result": {"content": []}}


def told(progress: int, token: str = "p") -> dict[str, Any]:
    return {"method": "notifications/progress", "params": {"progressToken": token, "progress": progress}}


def frame(id_: str, message: dict[str, Any] | None = None, retry: int | None = None) -> str:
    data = "" if message is None else json.dumps({"jsonrpc": "2.0", **message})
    return (f"retry: {retry}\n" if retry is not None else "") + f"id: {id_}\ndata: {data}\n\n"


def answering(first: str, *later: str | int) -> Any:
    """A POST is answered with the first frames, each GET with the next ones, or with a status."""
    left = list(later)

    async def behave(request: Request, writer: asyncio.StreamWriter) -> None:
        said = first if request.method == "POST" else left.pop(0)
        if isinstance(said, int):
            writer.write(f"HTTP/1.1 {said} X\r\ncontent-length: 0\r\n\r\n".encode())
        else:
            head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"
            writer.write((head + said).encode())
        await writer.drain()

    return behave


async def nothing(_said: Message) -> None:
    """Progress is not looked at."""


def transport(url: str, protocol: str = "2025-11-25") -> Streamable:
    return Streamable(Address.of(url), {}, Connection(protocol=protocol, session_id="s-1"))


@pytest.mark.asyncio
async def test_a_stream_that_its_server_closes_with_retry_is_polled_behind_its_last_event() -> None:
    parts = [frame("a"), frame("b", told(1), retry=1)]
    async with peer(answering("".join(parts), frame("c", told(2)), frame("d", ANSWER))) as server:
        assert (await transport(server.url).ask(CALL, nothing))["id"] == 7
    gets = [request.headers for request in server.requests if request.method == "GET"]
    assert [headers["last-event-id"] for headers in gets] == ["b", "c"]
    assert {headers["mcp-session-id"] for headers in gets} == {"s-1"}
    assert {headers["accept"] for headers in gets} >= {"application/json, text/event-stream"}


@pytest.mark.asyncio
async def test_a_stream_that_ends_without_an_answer_and_without_retry_is_broken() -> None:
    async with peer(answering(frame("a", told(1)))) as server:
        with pytest.raises(Broken, match="without the answer"):
            await transport(server.url).ask(CALL, nothing)


@pytest.mark.asyncio
async def test_a_followed_stream_is_joined_behind_any_of_its_events_and_tells_what_is_whose() -> None:
    heard: list[tuple[str | None, Part]] = []
    stream = Stream(lambda id_, part, _message: heard.append((id_, part)))
    first = frame("a") + frame("b", told(1)) + frame("x", told(9, "q"))
    again = frame("b", told(1)) + frame("y", {"id": 3, "result": {}}) + frame("c", told(2)) + frame("d", ANSWER)
    async with peer(answering(first, again)) as server:
        before = transport(server.url)
        before.stream = stream
        with pytest.raises(Broken):
            await before.ask(CALL, nothing)
        session = rejoining(server.url, "2025-11-25", {}, stream)
        assert isinstance(session.transport, Streamable)
        assert (await session.transport.rejoin(stream, nothing, "a"))["result"] == {"content": []}
    assert heard[:3] == [("a", Part.EMPTY), ("b", Part.PROGRESS), ("x", Part.FOREIGN)]
    assert heard[3:5] == [("b", Part.PROGRESS), ("y", Part.FOREIGN)]
    assert heard[-1] == ("d", Part.RESULT)
    assert server.requests[-1].headers["mcp-session-id"] == "s-1"


@pytest.mark.asyncio
@pytest.mark.parametrize(("status", "error"), [(404, SessionLost), (405, HttpError), (400, HttpError)])
async def test_a_stream_that_cannot_be_joined_says_why(status: int, error: type[Exception]) -> None:
    stream = Stream(lambda *_: None, request=CALL, session_id="s-1", ids=["a"])
    async with peer(answering("", status)) as server:
        with pytest.raises(error):
            await transport(server.url).rejoin(stream, nothing, "a")
