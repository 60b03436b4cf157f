"""The link to a service: passed on whole; cut, slow and half open for a while, and whole again behind it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing, suppress

import pytest

from mcp_crashtest.subjects.link import Link
from mcp_crashtest.subjects.sockets import LOOPBACK, find_free_port

DEADLINE_S = 10.0
SHORT_S = 0.2
pytestmark = pytest.mark.asyncio


class Service:
    """Keeps what it hears, and says how long that is by now."""

    def __init__(self) -> None:
        self.heard = b""
        self.resets = 0
        self.held: list[asyncio.Task[None] | None] = []

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.held.append(asyncio.current_task())
        with closing(writer):
            try:
                while said := await reader.read(100):
                    self.heard += said
                    writer.write(b"%d\n" % len(self.heard))
                    await writer.drain()
            except ConnectionResetError:
                self.resets += 1


@asynccontextmanager
async def linked() -> AsyncIterator[tuple[Service, Link]]:
    service, port = Service(), find_free_port()
    async with await asyncio.start_server(service.answer, LOOPBACK, port):
        link = Link(port)
        await link.open()
        try:
            async with asyncio.timeout(DEADLINE_S):
                yield service, link
        finally:
            await link.close()
            await asyncio.gather(*filter(None, service.held))
            await asyncio.sleep(0)  # what is closed is given back in the loop's next turn


@asynccontextmanager
async def connected(link: Link) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection(LOOPBACK, link.port)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()
        await asyncio.sleep(0)


async def asked(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, said: bytes) -> bytes:
    writer.write(said)
    return await reader.readline()


async def test_what_is_said_is_passed_on_and_an_end_is_told() -> None:
    async with linked() as (service, link), connected(link) as (reader, writer):
        assert await asked(reader, writer, b"abc") == b"3\n"
        assert link.connections == 1
        writer.write_eof()
        assert await reader.read() == b""
        assert (service.heard, service.resets) == (b"abc", 0)


async def test_a_cut_resets_who_is_connected_and_who_comes_until_it_is_healed() -> None:
    async with linked() as (service, link):
        async with connected(link) as (reader, writer):
            assert await asked(reader, writer, b"a") == b"1\n"
            async with link.cut() as connections:
                assert connections == 1
                with pytest.raises(ConnectionResetError):
                    await reader.read()
                async with connected(link) as newer:
                    with pytest.raises(ConnectionResetError):
                        await asked(*newer, b"b")
        async with connected(link) as newer:
            assert await asked(*newer, b"c") == b"2\n"
        assert (service.heard, service.resets) == (b"ac", 1)


async def test_a_slow_link_passes_everything_on_later() -> None:
    async with linked() as (service, link), connected(link) as ends:
        assert await asked(*ends, b"ab") == b"2\n"
        async with link.slow(SHORT_S) as connections:
            assert connections == 1
            began = time.monotonic()
            assert await asked(*ends, b"c") == b"3\n"
            assert time.monotonic() - began >= 2 * SHORT_S
        assert service.heard == b"abc"


async def test_over_a_half_open_link_the_service_hears_and_nobody_hears_it() -> None:
    async with linked() as (service, link), connected(link) as (reader, writer):
        assert await asked(reader, writer, b"a") == b"1\n"
        async with link.silent() as connections, connected(link) as (new_reader, new_writer):
            assert connections == 1
            writer.write(b"commit")
            new_writer.write(b"b")
            for silent in (reader, new_reader):
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(SHORT_S):
                        await silent.read(1)
            assert sorted(service.heard) == sorted(b"acommitb")
        with pytest.raises(ConnectionResetError):
            await reader.read()
        async with connected(link) as newer:
            assert await asked(*newer, b"d") == b"9\n"


def is_held(link: Link) -> bool:
    return link.held is not None


async def silent(*readers: asyncio.StreamReader) -> None:
    for reader in readers:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(SHORT_S):
                await reader.read(1)


async def test_a_silence_begins_with_a_message_which_the_service_hears_and_nobody_hears_its_answer() -> None:
    async with linked() as (service, link), connected(link) as (reader, writer), connected(link) as (other, asks):
        assert await asked(reader, writer, b"a") == b"1\n"
        link.hold_behind(3)
        assert await asked(reader, writer, b"begin") == b"6\n"
        assert await asked(other, asks, b"x") == b"7\n"  # whatever the connection: they are counted together
        assert not is_held(link)
        writer.write(b"commit")
        await silent(reader)
        asks.write(b"y")
        await silent(other)
        assert service.heard == b"abeginxcommity"
        held = link.held
        assert held
        assert (held.number, held.said_bytes, held.answered, link.messages) == (4, 6, True, 5)
        async with link.silent() as connections:
            assert connections == 2
            await silent(reader, other)
        with pytest.raises(ConnectionResetError):
            await reader.read()
        async with connected(link) as newer:
            assert await asked(*newer, b"d") == b"15\n"


async def test_a_cut_ends_the_connection_behind_a_message_that_was_passed_before_its_answer() -> None:
    told = asyncio.Event()
    async with linked() as (service, link), connected(link) as (reader, writer):
        assert await asked(reader, writer, b"a") == b"1\n"
        link.tell = told.set
        link.hold_behind(1)
        writer.write(b"commit")
        while not (link.held and link.held.answered):
            await told.wait()
            told.clear()
        async with link.cut() as connections:
            assert connections == 1
            with pytest.raises(ConnectionResetError):
                await reader.read()
        assert service.heard == b"acommit"
        async with connected(link) as newer:
            assert await asked(*newer, b"d") == b"8\n"


@pytest.mark.parametrize(("pause_s", "messages"), [(DEADLINE_S, 1), (0.0, 2)])
async def test_what_is_said_before_an_answer_comes_is_one_message_unless_there_is_a_pause(
    pause_s: float, messages: int
) -> None:
    port, go_on = find_free_port(), asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with closing(writer):
            while await reader.read(100):
                await go_on.wait()
                writer.write(b"!")

    async with await asyncio.start_server(answer, LOOPBACK, port):
        link, told = Link(port, pause_s=pause_s), asyncio.Event()
        await link.open()
        link.tell = told.set
        async with connected(link) as (reader, writer), asyncio.timeout(DEADLINE_S):
            for said in (b"one", b"two"):
                told.clear()
                writer.write(said)
                await told.wait()
            assert link.messages == messages
            go_on.set()
            await reader.readexactly(1)
            told.clear()
            writer.write(b"three")
            await told.wait()
            assert link.messages == messages + 1
        await link.close()
        await asyncio.sleep(SHORT_S)  # until the service has seen the end


async def test_a_message_that_never_came_holds_nothing_back_once_it_is_not_waited_for_any_more() -> None:
    async with linked() as (_, link), connected(link) as ends:
        link.hold_behind(2)
        assert await asked(*ends, b"a") == b"1\n"
        assert not is_held(link)
        link.release()
        assert await asked(*ends, b"b") == b"2\n"
        assert await asked(*ends, b"c") == b"3\n"


async def test_a_service_that_is_dead_ends_the_connection() -> None:
    link = Link(find_free_port())
    await link.open()
    try:
        async with connected(link) as (reader, _):
            with suppress(ConnectionResetError):
                assert await reader.read() == b""
    finally:
        await link.close()
        await asyncio.sleep(0)


async def test_what_a_service_says_last_before_it_leaves_arrives_whole() -> None:
    much, port = bytes(range(256)) * 16384, find_free_port()

    async def say(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with closing(writer):
            await reader.read()
            writer.write(much)
            await writer.drain()

    async with await asyncio.start_server(say, LOOPBACK, port):
        link = Link(port)
        await link.open()
        async with connected(link) as (reader, writer), asyncio.timeout(DEADLINE_S):
            writer.write_eof()
            await asyncio.sleep(SHORT_S)  # who reads late finds what was said, and no reset
            assert await reader.read() == much
        await link.close()
        await asyncio.sleep(0)
