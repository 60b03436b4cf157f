"""Standard streams, by hand at the other end: lines that come in any order, are no messages, or end in the middle."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from mcp_crashtest.wire import stdio
from mcp_crashtest.wire.errors import Broken, DeadlineExceeded, ProtocolViolation, RpcError, WireError
from mcp_crashtest.wire.messages import HANDSHAKE, STATELESS, SUPPORTED_ON_STDIO
from mcp_crashtest.wire.session import Session
from mcp_crashtest.wire.stdio import Pipes, Stdio
from tests.harness.wire.scripted import AMPLE_S, PING, SAMPLING

TOOLS = [{"name": "t"}]


@dataclass
class Far:
    """The server's side: what it reads, line by line, and what it writes, byte by byte."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    pipes: Pipes
    strays: list[str] = field(default_factory=list)
    stray: asyncio.Event = field(default_factory=asyncio.Event)

    async def heard(self) -> dict[str, Any]:
        """The next message; fails where none comes."""
        async with asyncio.timeout(AMPLE_S):
            line = await self.reader.readline()
        assert line.endswith(b"\n"), f"no whole line came: {line!r}"
        message: dict[str, Any] = json.loads(line)
        assert message["jsonrpc"] == "2.0"
        return message

    def say(self, *messages: dict[str, Any] | bytes) -> None:
        for said in messages:
            self.writer.write(said if isinstance(said, bytes) else json.dumps(said).encode() + b"\n")

    def answer(self, asked: dict[str, Any], **found: Any) -> None:
        self.say({"jsonrpc": "2.0", "id": asked["id"], "result": found})

    async def introduce(self, protocol: str) -> None:
        """Answer what opens a session."""
        asked = await self.heard()
        if protocol == STATELESS:
            assert asked["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"] == STATELESS
            return self.answer(asked, supportedVersions=[STATELESS], capabilities={})
        assert asked["params"]["protocolVersion"] == protocol
        self.answer(asked, protocolVersion=protocol, capabilities={}, serverInfo={"name": "far"})
        assert (await self.heard())["method"] == "notifications/initialized"
        return None


@asynccontextmanager
async def far() -> AsyncIterator[Far]:
    to_server, from_client = os.pipe()
    to_client, from_server = os.pipe()
    strays: list[str] = []
    stray = asyncio.Event()

    def told(text: str) -> None:
        strays.append(text)
        stray.set()

    pipes = await Pipes.over((to_client, from_client), told)
    loop, reader = asyncio.get_running_loop(), asyncio.StreamReader()
    reading, _ = await loop.connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(to_server, "rb", 0)
    )
    writing, protocol = await loop.connect_write_pipe(
        lambda: asyncio.StreamReaderProtocol(asyncio.StreamReader()), os.fdopen(from_server, "wb", 0)
    )
    side = Far(reader, asyncio.StreamWriter(writing, protocol, None, loop), pipes, strays, stray)
    try:
        yield side
    finally:
        pipes.abort()
        side.writer.close()
        reading.close()


@asynccontextmanager
async def talking(protocol: str) -> AsyncIterator[tuple[Session, Far]]:
    async with far() as side:
        opening = asyncio.create_task(Session.over(Stdio(side.pipes), protocol=protocol, deadline_s=AMPLE_S))
        await side.introduce(protocol)
        yield await opening, side


def run(talk: Callable[[Session, Far], Awaitable[None]], protocol: str = HANDSHAKE) -> None:
    async def main() -> None:
        async with talking(protocol) as (session, side):
            await talk(session, side)

    asyncio.run(main())


@pytest.mark.parametrize("protocol", SUPPORTED_ON_STDIO)
def test_every_revision_is_spoken_a_line_a_message(protocol: str) -> None:
    async def talk(session: Session, side: Far) -> None:
        listing = asyncio.create_task(session.list_tools(deadline_s=AMPLE_S))
        asked = await side.heard()
        side.answer(asked, tools=TOOLS)
        assert await listing == TOOLS
        assert (session.protocol, asked["method"]) == (protocol, "tools/list")
        assert side.strays == []

    run(talk, protocol)


def test_requests_under_way_at_once_are_told_apart_by_their_ids_and_so_is_their_progress() -> None:
    async def talk(session: Session, side: Far) -> None:
        heard: dict[str, list[float]] = {"a": [], "b": []}

        def progress(name: str) -> Callable[[float, float | None, str | None], object]:
            return lambda done, *_: heard[name].append(done)

        calls = {
            name: asyncio.create_task(
                session.call("tools/call", {"name": name}, deadline_s=AMPLE_S, on_progress=progress(name))
            )
            for name in heard
        }
        asked = {one["params"]["name"]: one for one in (await side.heard(), await side.heard())}
        assert asked["a"]["id"] != asked["b"]["id"]
        for name, done in (("b", 1), ("a", 2), ("b", 3)):
            told = {"progressToken": asked[name]["params"]["_meta"]["progressToken"], "progress": done}
            side.say({"jsonrpc": "2.0", "method": "notifications/progress", "params": told})
        side.answer(asked["b"], of="b")
        assert await calls["b"] == {"of": "b"}
        assert not calls["a"].done()
        side.answer(asked["a"], of="a")
        assert await calls["a"] == {"of": "a"}
        assert heard == {"a": [2], "b": [1, 3]}

    run(talk)


STRAYS = [
    (b"Processing batch 3\n", "Processing batch 3"),
    (b"\n", "(an empty line)"),
    (b"\xff\xfe\x00\n", "\\xff\\xfe\\x00"),
    (b'{"level": "info", "msg": "started"}\n', '{"level": "info", "msg": "started"}'),
    (b'{"jsonrpc": "2.0", "id": 1\n', '{"jsonrpc": "2.0", "id": 1'),
    (b"[1]\n", "1"),
    (b'{"jsonrpc": "2.0", "id": "77", "result": {}}\n', "an answer to a request that nobody has made: "),
    (b"\x1b[32mready\x1b[0m\r\n", "\\x1b[32mready\\x1b[0m"),
]


@pytest.mark.parametrize(("line", "told"), STRAYS, ids=range(len(STRAYS)))
def test_a_line_that_is_no_message_is_told_and_the_next_one_is_read(line: bytes, told: str) -> None:
    async def talk(session: Session, side: Far) -> None:
        listing = asyncio.create_task(session.list_tools(deadline_s=AMPLE_S))
        asked = await side.heard()
        side.say(line)
        side.answer(asked, tools=TOOLS)
        assert await listing == TOOLS
        [stray] = side.strays
        assert told in stray
        assert stray.isprintable()

    run(talk)


def test_a_stray_line_is_told_in_part_where_it_is_long() -> None:
    async def talk(session: Session, side: Far) -> None:
        listing = asyncio.create_task(session.list_tools(deadline_s=AMPLE_S))
        asked = await side.heard()
        side.say(b"x" * 100_000 + b"\n")
        side.answer(asked, tools=TOOLS)
        await listing
        assert len(side.strays[0]) < 400

    run(talk)


def test_late_answers_log_messages_and_batches_are_no_strays() -> None:
    async def talk(session: Session, side: Far) -> None:
        with pytest.raises(DeadlineExceeded):
            await session.list_tools(deadline_s=0.01)
        late = await side.heard()
        listing = asyncio.create_task(session.list_tools(deadline_s=AMPLE_S))
        asked = await side.heard()
        side.answer(late, tools=[])
        log = {"jsonrpc": "2.0", "method": "notifications/message", "params": {"level": "info", "data": "x"}}
        answer = {"jsonrpc": "2.0", "id": asked["id"], "result": {"tools": TOOLS}}
        side.say(log, json.dumps([log, answer]).encode() + b"\r\n")
        assert await listing == TOOLS
        assert side.strays == []

    run(talk, "2025-03-26")


@pytest.mark.parametrize("calling", [True, False], ids=["in a call", "between calls"])
def test_a_ping_is_answered_and_what_we_do_not_offer_is_refused(calling: bool) -> None:
    async def talk(session: Session, side: Far) -> None:
        listing = asyncio.create_task(session.list_tools(deadline_s=AMPLE_S)) if calling else None
        asked = await side.heard() if calling else None
        side.say(PING, SAMPLING)
        said = {one["id"]: one for one in (await side.heard(), await side.heard())}
        assert said["p"]["result"] == {}
        assert said["s"]["error"]["code"] == -32601
        if listing and asked:
            side.answer(asked, tools=TOOLS)
            assert await listing == TOOLS

    run(talk)


def test_a_request_of_the_servers_is_wrong_in_the_stateless_era() -> None:
    async def talk(session: Session, side: Far) -> None:
        listing = asyncio.create_task(session.list_tools(deadline_s=AMPLE_S))
        await side.heard()
        side.say(SAMPLING)
        with pytest.raises(ProtocolViolation, match="a request from the server"):
            await listing

    run(talk, STATELESS)


def test_an_error_without_an_id_is_an_answer_where_one_request_waits() -> None:
    async def talk(session: Session, side: Far) -> None:
        listing = asyncio.create_task(session.list_tools(deadline_s=AMPLE_S))
        await side.heard()
        side.say({"jsonrpc": "2.0", "id": None, "error": {"code": -32700, "message": "what?"}})
        with pytest.raises(RpcError, match="what"):
            await listing

    run(talk)


def test_the_servers_end_breaks_what_is_under_way_and_all_that_comes_behind_it() -> None:
    async def talk(session: Session, side: Far) -> None:
        listing = asyncio.create_task(session.list_tools(deadline_s=AMPLE_S))
        await side.heard()
        side.say(b'{"jsonrpc": "2.0", "id": 2, "resu')  # torn
        side.writer.close()
        with pytest.raises(Broken, match="standard output has ended"):
            await listing
        with pytest.raises(Broken):
            await session.list_tools(deadline_s=AMPLE_S)
        assert side.strays == []

    run(talk)


def test_a_server_that_has_closed_its_input_breaks_the_call() -> None:
    async def main() -> None:
        to_server, from_client = os.pipe()
        to_client, from_server = os.pipe()
        pipes = await Pipes.over((to_client, from_client))
        os.close(to_server)
        with pytest.raises(WireError):
            await Session.over(Stdio(pipes), protocol=HANDSHAKE, deadline_s=0.5)
        pipes.abort()
        os.close(from_server)

    asyncio.run(main())


def test_a_line_beyond_all_bounds_ends_the_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stdio, "LONGEST_LINE_BYTES", 1 << 16)

    async def talk(session: Session, side: Far) -> None:
        listing = asyncio.create_task(session.list_tools(deadline_s=AMPLE_S))
        await side.heard()
        side.say(b"x" * (1 << 18))
        with pytest.raises(ProtocolViolation, match="a line of more than"):
            await listing

    run(talk)


def test_a_server_that_does_not_read_is_heard_all_the_same() -> None:
    async def talk(session: Session, side: Far) -> None:
        side.say(*[{**PING, "id": n, "pad": "x" * 4000} for n in range(200)])
        side.say(b"still here\n")
        async with asyncio.timeout(AMPLE_S):
            await side.stray.wait()
        assert side.strays == ["still here"]

    run(talk)


def test_a_goodbye_closes_the_input_and_lets_the_server_come_to_its_end() -> None:
    async def talk(session: Session, side: Far) -> None:
        calling = asyncio.create_task(session.list_tools(deadline_s=AMPLE_S))
        await side.heard()
        closing = asyncio.create_task(session.close())
        async with asyncio.timeout(AMPLE_S):
            assert await side.reader.read() == b""
        side.say(b"bye\n")  # nobody listens any more, and nothing is blocked
        await side.writer.drain()
        side.writer.close()
        await closing
        with pytest.raises(Broken):
            await calling
        assert side.strays == []

    run(talk)


def test_a_host_that_is_gone_has_closed_both_pipes() -> None:
    async def talk(session: Session, side: Far) -> None:
        session.abort()
        async with asyncio.timeout(AMPLE_S):
            assert await side.reader.read() == b""
            side.say(b"x" * 4096)
            await side.writer.wait_closed()  # nobody can read it

    run(talk)
