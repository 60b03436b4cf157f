"""The relay passes every byte on, tells its witness of each exchange, holds back, cuts, and closes its door."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import pytest

from mcp_crashtest.subjects.sockets import find_free_port
from mcp_crashtest.wire.relay import Exchange, Relay
from tests.harness.wire.peers import Request, peer

OPENING_S = 5.0
ANSWER = b'{"jsonrpc": "2.0", "id": 1, "result": {"n": 1}}'
WHOLE = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(ANSWER), ANSWER)
NEWS, LAST = b'data: {"method": "news"}\n\n', b"data: " + ANSWER + b"\n\n"
STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
CHUNKED = STREAM + b"%x\r\n%s\r\n" % (len(NEWS), NEWS)
ENDING = b"%x\r\n%s\r\n0\r\n\r\n" % (len(LAST), LAST)


@dataclass(slots=True)
class Noting:
    """A witness that notes what it is told, and holds back what it is told to."""

    held: str = ""
    told: list[str] = field(default_factory=list)
    holds: asyncio.Event = field(default_factory=asyncio.Event)

    async def _tell(self, what: str) -> None:
        self.told.append(what)
        if what == self.held:
            self.holds.set()
            await asyncio.Event().wait()

    async def asked(self, exchange: Exchange) -> None:
        await self._tell(f"asked {exchange.method}")

    async def answering(self, exchange: Exchange, answer: dict[str, Any]) -> None:
        await self._tell("answering")

    async def answered(self, exchange: Exchange, answer: dict[str, Any]) -> None:
        await self._tell("answered")

    async def broken(self, exchange: Exchange) -> None:
        await self._tell("broken")


def says(*parts: bytes) -> Callable[[Request, asyncio.StreamWriter], Awaitable[None]]:
    """A server that answers with these bytes."""

    async def behave(request: Request, writer: asyncio.StreamWriter) -> None:
        for part in parts:
            writer.write(part)
            await writer.drain()

    return behave


@asynccontextmanager
async def relayed(witness: Noting, *parts: bytes) -> AsyncIterator[Relay]:
    async with peer(says(*parts)) as server:
        relay = Relay(find_free_port(), urlsplit(server.url).port or 0, witness)
        await relay.open(OPENING_S)
        try:
            yield relay
        finally:
            relay.shut()
            await relay.cut()


def request(id_: int = 1) -> bytes:
    body = json.dumps({"jsonrpc": "2.0", "id": id_, "method": "ask", "params": {}}).encode()
    return b"POST /mcp HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


async def ask(relay: Relay) -> bytes:
    """Ask once, and read until the connection ends or the answer is whole."""
    reader, writer = await asyncio.open_connection("127.0.0.1", relay.port)
    try:
        writer.write(request())
        received = b""
        while chunk := await asyncio.wait_for(reader.read(4096), 5):
            received += chunk
            if received in (WHOLE, CHUNKED + ENDING):
                break
        return received
    finally:
        writer.close()


@pytest.mark.asyncio
@pytest.mark.parametrize("parts", [(WHOLE,), (WHOLE[:30], WHOLE[30:]), (CHUNKED, ENDING)], ids=["json", "split", "sse"])
async def test_bytes_are_passed_on_as_they_are_and_the_exchange_is_told(parts: tuple[bytes, ...]) -> None:
    witness = Noting()
    async with relayed(witness, *parts) as relay:
        assert await ask(relay) == b"".join(parts)
    assert witness.told == ["asked ask", "answering", "answered"]


@pytest.mark.asyncio
async def test_an_answer_that_is_held_back_never_comes_once_the_connections_are_cut() -> None:
    witness = Noting("answering")
    async with relayed(witness, WHOLE) as relay:
        asking = asyncio.create_task(ask(relay))
        await asyncio.wait_for(witness.holds.wait(), 5)
        await relay.cut()
        assert await asking == b""
    assert witness.told == ["asked ask", "answering", "broken"]


@pytest.mark.asyncio
async def test_a_request_that_is_held_back_never_reaches_the_server() -> None:
    witness = Noting("asked ask")
    async with peer(says(WHOLE)) as server:
        relay = Relay(find_free_port(), urlsplit(server.url).port or 0, witness)
        await relay.open(OPENING_S)
        asking = asyncio.create_task(ask(relay))
        await asyncio.wait_for(witness.holds.wait(), 5)
        relay.shut()
        await relay.cut()
        assert await asking == b""
        assert server.asked("ask") == []


@pytest.mark.asyncio
async def test_a_client_that_leaves_is_let_go_while_its_answer_is_held_back() -> None:
    witness = Noting("answering")
    async with relayed(witness, WHOLE) as relay:
        _, writer = await asyncio.open_connection("127.0.0.1", relay.port)
        writer.write(request())
        await asyncio.wait_for(witness.holds.wait(), 5)
        writer.transport.abort()
        async with asyncio.timeout(5):
            while "broken" not in witness.told:  # noqa: ASYNC110
                await asyncio.sleep(0.01)


@pytest.mark.asyncio
async def test_a_closed_door_refuses_connections_and_opens_again_at_the_same_port() -> None:
    witness = Noting()
    async with relayed(witness, WHOLE) as relay:
        relay.shut()
        await relay.cut()
        with pytest.raises(ConnectionRefusedError):
            await ask(relay)
        await relay.open(OPENING_S)
        assert await ask(relay) == WHOLE


@pytest.mark.asyncio
async def test_a_door_does_not_open_before_the_server_is_there() -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        relay = Relay(find_free_port(), nobody.getsockname()[1], Noting())
        with pytest.raises(TimeoutError):
            await relay.open(0.05)
