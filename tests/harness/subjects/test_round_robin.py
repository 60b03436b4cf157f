"""The round-robin: servers in turn, the dead passed over, what is said whole, and a reset where nobody is there."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing, suppress

import pytest

from mcp_crashtest.subjects.round_robin import LOOPBACK, RoundRobin
from mcp_crashtest.subjects.sockets import find_free_port

DEADLINE_S = 10.0
pytestmark = pytest.mark.asyncio


@asynccontextmanager
async def server(name: bytes, port: int) -> AsyncIterator[asyncio.Server]:
    """Says its name, and then all that it has heard."""

    held: list[asyncio.Task[None] | None] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        held.append(asyncio.current_task())
        with closing(writer), suppress(OSError):
            writer.write(name + await reader.read())
            await writer.drain()

    async with await asyncio.start_server(answer, LOOPBACK, port) as listening:
        yield listening
    await asyncio.gather(*filter(None, held))


@asynccontextmanager
async def before(*ports: int, in_order: bool = False) -> AsyncIterator[int]:
    """The address before servers on these ports."""
    port = find_free_port()
    serving = asyncio.create_task(RoundRobin(ports, in_order=in_order).serve(port))
    try:
        async with asyncio.timeout(DEADLINE_S):
            while True:
                with suppress(OSError):
                    _, writer = await asyncio.open_connection(LOOPBACK, port)
                    writer.close()
                    break
                await asyncio.sleep(0.01)
        yield port
    finally:
        serving.cancel()
        with suppress(asyncio.CancelledError):
            await serving
        await asyncio.sleep(0)  # what is closed is given back in the loop's next turn


async def heard(port: int, said: bytes = b"") -> bytes:
    async with asyncio.timeout(DEADLINE_S):
        reader, writer = await asyncio.open_connection(LOOPBACK, port)
        with closing(writer):
            writer.write(said)
            writer.write_eof()
            return await reader.read()


async def test_each_connection_is_for_the_next_and_the_dead_are_passed_over() -> None:
    ports = [find_free_port() for _ in range(3)]
    async with server(b"a", ports[0]), server(b"c", ports[2]), before(*ports) as port:
        async with server(b"b", ports[1]):
            assert Counter([await heard(port) for _ in range(9)]) == {b"a": 3, b"b": 3, b"c": 3}
        assert {await heard(port) for _ in range(6)} == {b"a", b"c"}


async def test_in_order_each_connection_is_for_the_first_that_lives() -> None:
    ports = [find_free_port() for _ in range(3)]
    async with server(b"b", ports[1]), server(b"c", ports[2]), before(*ports, in_order=True) as port:
        assert {await heard(port) for _ in range(4)} == {b"b"}
        async with server(b"a", ports[0]):
            assert {await heard(port) for _ in range(4)} == {b"a"}
        assert await heard(port) == b"b"


async def test_what_is_said_arrives_whole_both_ways() -> None:
    much = bytes(range(256)) * 4096
    ports = [find_free_port()]
    async with server(b"a", ports[0]), before(*ports) as port:
        assert await heard(port, much) == b"a" + much


async def test_where_nobody_is_there_the_connection_is_reset() -> None:
    async with before(find_free_port()) as port:
        with pytest.raises(ConnectionError):
            await heard(port, b"?")
