"""A link that fails behind a message: which one that is, who is counted, and what is no fault at all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from mcp_crashtest.model.coordinates import Batch, Moment, Phase, Since
from mcp_crashtest.model.faults import CUT, SILENT, Fault, Victim
from mcp_crashtest.model.operation import History, Op, Type
from mcp_crashtest.model.plan import Plan
from mcp_crashtest.model.service_spec import ServiceSpec
from mcp_crashtest.stage.pace import Pace
from mcp_crashtest.subjects.life import Mortal
from mcp_crashtest.subjects.link import Link
from mcp_crashtest.subjects.services import Service
from mcp_crashtest.subjects.sockets import LOOPBACK, find_free_port
from mcp_crashtest.subjects.spawner import Spawner
from tests.harness.laboratory.test_conductor import play
from tests.harness.stage.scripted import Scripted, ScriptedClient, scripted
from tests.harness.subjects.launching import Launching, until

BATCH_S = 0.4
BOOKING = (b"begin\n", b"insert 1\n", b"commit!\n")
ASKS = """
import socket, sys, time
lines = socket.create_connection(("127.0.0.1", int(sys.argv[1]))).makefile("rwb", buffering=0)
while True:
    lines.write(b"how far?\\n")
    if not lines.readline():
        break
    time.sleep(0.01)
"""
pytestmark = pytest.mark.asyncio


class Asking(ScriptedClient):
    """A client that is a process, and makes the server say something to its service."""

    process: Mortal | None = None

    @property
    def living(self) -> Mortal | None:
        return self.process


@dataclass
class Database:
    """Acknowledges each line, and keeps what it has heard."""

    heard: list[bytes] = field(default_factory=list)

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while line := await reader.readline():
                self.heard.append(line)
                writer.write(b"ok\n")
                await writer.drain()
        writer.close()


@asynccontextmanager
async def staged(fault: Fault, folder: Path) -> AsyncIterator[tuple[Scripted, Link, Database]]:
    """A stage whose server has a database behind a link."""
    made, database, port = scripted(Plan("s", "p", (fault,)), folder), Database(), find_free_port()
    made.stage.client = made.client = Asking(made.log)
    made.stage.pace = Pace(10 * BATCH_S, BATCH_S, 0.01)
    async with await asyncio.start_server(database.answer, LOOPBACK, port):
        link = Link(port)
        await link.open()
        spec = ServiceSpec("db", link=True)
        made.site.services = [Service(spec, Spawner(), folder / "log", ".", port, link, expected_to_end=True)]
        try:
            yield made, link, database
        finally:
            await link.close()


async def booking(link: Link) -> list[bytes]:
    """Book a batch after the other until one is not answered; what was answered."""
    reader, writer = await asyncio.open_connection(LOOPBACK, link.port)
    answered: list[bytes] = []
    with suppress(OSError):
        while True:
            for said in BOOKING:
                writer.write(said)
                if not await reader.readline():
                    return answered
                answered.append(said)
            await asyncio.sleep(BATCH_S)
    return answered


def behind(kind: str, share: int) -> Fault:
    until = Moment(10, Since.FAULT)
    return Fault(kind, Victim.SERVICE, Batch(1, Phase.OBSERVED), until, {"service": 1.0, "message": float(share)})


async def played(made: Scripted, link: Link, *, comes: bool = True) -> History:
    """Play it until the link has failed, and is whole again; or until a message is waited for that does not come."""
    playing = asyncio.create_task(play(made, 2, finish=False))
    async with asyncio.timeout(20):
        await until(lambda: link.tell == made.stage.stir, "messages are counted")
        if comes:
            await until(lambda: link.held is not None, "a message was passed on behind which nothing comes back")
            await until(lambda: link.held is None, "the link is whole again")
        made.client.finish()
        return await playing


def landed(history: History) -> str:
    [_, done] = history.of(Op.FAULT)
    assert done.type is Type.OK
    return str(done.value["reason"])


@pytest.mark.parametrize("kind", [CUT, SILENT])
async def test_a_commit_is_passed_on_and_its_answer_is_not_whoever_asks_beside_it(
    kind: str, tmp_path: Path, launching: Launching
) -> None:
    async with staged(behind(kind, 1000), tmp_path) as (made, link, database):
        assert isinstance(made.client, Asking)
        made.client.process = await launching.python(launching.script(ASKS), str(link.port))
        job = asyncio.create_task(booking(link))
        said = landed(await played(made, link))
        assert "message 3 from there on, of 8 bytes, was passed on, and its answer was held back" in said
        assert "of a batch it had said 3 before" in said
        answered = await job
        assert answered[-1] == BOOKING[1]
        assert [line for line in database.heard if line in BOOKING] == [*answered, BOOKING[2]]


async def test_a_server_that_works_when_it_is_asked_is_asked_while_its_messages_are_counted(
    tmp_path: Path, launching: Launching
) -> None:
    async with staged(behind(SILENT, 500), tmp_path) as (made, link, database):
        assert isinstance(made.client, Asking)
        made.client.process = await launching.python(launching.script(ASKS), str(link.port))
        assert "of 9 bytes, was passed on" in landed(await played(made, link))
        assert set(database.heard) == {b"how far?\n"}


async def test_where_the_message_never_comes_nothing_has_landed_and_nothing_is_held_back(tmp_path: Path) -> None:
    async with staged(behind(CUT, 1000), tmp_path) as (made, link, _):
        history = await played(made, link, comes=False)
        assert [event.type for event in history.of(Op.FAULT)] == [Type.INVOKE]
        reader, writer = await asyncio.open_connection(LOOPBACK, link.port)
        writer.write(b"begin\n")
        assert await reader.readline() == b"ok\n"
        assert link.held is None
        writer.close()
