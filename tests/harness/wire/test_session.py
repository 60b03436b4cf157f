"""Sessions with a real FastMCP server in a process of its own, in both eras, in health and in every kind of death."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from mcp_crashtest.wire.errors import (
    Broken,
    DeadlineExceeded,
    ProtocolViolation,
    RpcError,
    SessionLost,
    Unreachable,
)
from mcp_crashtest.wire.http import Address
from mcp_crashtest.wire.session import Session
from mcp_crashtest.wire.streamable import Streamable
from mcp_crashtest.wire.transport import Connection
from tests.lab import ROOT

MODERN, LEGACY = "2026-07-28", "2025-11-25"
ERAS = pytest.mark.parametrize("protocol", [MODERN, LEGACY])
AMPLE_S = 10.0


class Subject:
    """A server's process, which can be killed and started again at the same port."""

    def __init__(self) -> None:
        self._port = "0"
        self._process = self._started()

    def _started(self) -> subprocess.Popen[str]:
        command = [sys.executable, "-W", "ignore", "-m", "tests.harness.wire.server", self._port]
        return subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, text=True
        )

    @property
    def url(self) -> str:
        """Where it is; waits until it is there."""
        if self._port == "0":
            self.wait()
        return f"http://127.0.0.1:{self._port}/mcp"

    def wait(self) -> None:
        """Wait until it listens."""
        assert self._process.stdout
        self._port = self._process.stdout.readline().strip()
        assert self._port, "the server ended before it was ready"

    def send(self, signal_: signal.Signals) -> None:
        """Send a signal."""
        self._process.send_signal(signal_)

    def kill(self) -> None:
        """Kill it, and see it dead."""
        self._process.kill()
        self._process.wait(10)
        assert self._process.stdout
        self._process.stdout.close()

    def restart(self) -> None:
        """Start it again, where it was."""
        self._process = self._started()
        self.wait()


@pytest.fixture(scope="module")
def subjects() -> Iterator[tuple[Subject, Subject]]:
    both = Subject(), Subject()
    try:
        yield both
    finally:
        for subject in both:
            subject.kill()


@pytest.fixture
def subject(subjects: tuple[Subject, Subject]) -> Subject:
    """The one that stays alive."""
    return subjects[0]


@pytest.fixture
def mortal(subjects: tuple[Subject, Subject]) -> Subject:
    """The one that does not."""
    return subjects[1]


async def opened(subject: Subject, protocol: str | None, **more: Any) -> Session:
    return await Session.open(subject.url, protocol=protocol, deadline_s=AMPLE_S, **more)


async def under_way(session: Session, tool: str = "hang") -> asyncio.Task[Any]:
    """A call that has reached the server and will not come back."""
    heard = asyncio.Event()
    calling = asyncio.create_task(session.call_tool(tool, {}, deadline_s=AMPLE_S, on_progress=lambda *_: heard.set()))
    await asyncio.wait_for(heard.wait(), AMPLE_S)
    return calling


@pytest.mark.asyncio
@pytest.mark.parametrize(("asked", "spoken"), [(MODERN, MODERN), (LEGACY, LEGACY), (None, MODERN)])
async def test_a_session_knows_with_whom_it_speaks(subject: Subject, asked: str | None, spoken: str) -> None:
    one = await opened(subject, asked)
    assert one.protocol == spoken
    assert (one.server_info["name"], one.server_info["version"]) == ("wire-test", "7")
    assert {"tools", "resources"} <= one.capabilities.keys()
    assert (one.session_id is not None) == (spoken == LEGACY)
    await one.close()


@pytest.mark.asyncio
@ERAS
async def test_progress_and_logs_come_before_the_result(subject: Subject, protocol: str) -> None:
    one = await opened(subject, protocol)
    progress: list[tuple[float, float | None, str | None]] = []
    logs: list[Mapping[str, Any]] = []
    reply = await one.call_tool(
        "count", {"to": 3}, deadline_s=AMPLE_S, on_progress=lambda *p: progress.append(p), on_log=logs.append
    )
    assert (reply.is_error, reply.structured, json.loads(reply.text)) == (False, {"counted": 3}, {"counted": 3})
    assert progress == [(1, 3, "zähle 1"), (2, 3, "zähle 2"), (3, 3, "zähle 3")]
    assert [log["data"]["msg"] for log in logs] == ["step 1", "step 2", "step 3"]
    await one.close()


@pytest.mark.asyncio
@ERAS
async def test_tools_and_resources_are_listed_called_and_read(subject: Subject, protocol: str) -> None:
    one = await opened(subject, protocol)
    assert "count" in {tool["name"] for tool in await one.list_tools(deadline_s=AMPLE_S)}
    assert [r["uri"] for r in await one.list_resources(deadline_s=AMPLE_S)] == ["list://notes"]
    templates = await one.list_resource_templates(deadline_s=AMPLE_S)
    assert [t["uriTemplate"] for t in templates] == ["note://{name}"]
    assert await one.read_resource("note://7", deadline_s=AMPLE_S) == "the note 7"
    assert (await one.call_tool("größe", {"text": "ä" * 300_000}, deadline_s=AMPLE_S)).text == "300000"
    reply = await one.call_tool("link", {}, deadline_s=AMPLE_S)
    assert reply.text == "see there"
    assert [c["uri"] for c in reply.content if c["type"] == "resource_link"] == ["note://1"]
    meta = await one.call_tool("whoami", {}, deadline_s=AMPLE_S, meta={"com.example/key": "k"})
    assert json.loads(meta.text)["com.example/key"] == "k"
    await one.close()


@pytest.mark.asyncio
@ERAS
async def test_a_tools_failure_is_a_reply_and_a_missing_resource_an_error(subject: Subject, protocol: str) -> None:
    one = await opened(subject, protocol)
    failed = await one.call_tool("fail", {}, deadline_s=AMPLE_S)
    assert (failed.is_error, failed.text) == (True, "out of luck")
    unknown = await one.call_tool("nope", {}, deadline_s=AMPLE_S)
    assert (unknown.is_error, unknown.text) == (True, "Unknown tool: 'nope'")
    with pytest.raises(RpcError) as caught:
        await one.read_resource("none://x", deadline_s=AMPLE_S)
    assert caught.value.code == -32602
    await one.close()


@pytest.mark.asyncio
async def test_a_server_that_asks_the_client_is_refused_and_goes_on(subject: Subject) -> None:
    seen: list[Mapping[str, Any]] = []
    one = await opened(subject, LEGACY, on_message=lambda _way, message: seen.append(message))
    reply = await one.call_tool("sample", {}, deadline_s=AMPLE_S)
    assert "the lab does not offer sampling/createMessage" in reply.text
    assert "sampling/createMessage" in [message.get("method") for message in seen]
    await one.close()


@pytest.mark.asyncio
@ERAS
async def test_every_message_is_seen_by_the_record_and_sent_ones_before_they_go(
    subject: Subject, protocol: str
) -> None:
    seen: list[tuple[str, Mapping[str, Any]]] = []
    one = await opened(subject, protocol, on_message=lambda *m: seen.append(m))
    await one.call_tool("fail", {}, deadline_s=AMPLE_S)
    await one.close()
    opening = ["server/discover"] if protocol == MODERN else ["initialize", "notifications/initialized"]
    assert [m["method"] for way, m in seen if way == "sent"] == [*opening, "tools/call"]
    asked = [m["id"] for way, m in seen if way == "sent" and "id" in m]
    assert [m["id"] for way, m in seen if way == "received" and "id" in m] == asked
    assert [way for way, _ in seen[-2:]] == ["sent", "received"]


@pytest.mark.asyncio
@ERAS
async def test_a_call_that_takes_too_long_is_over_at_its_deadline_and_the_next_one_works(
    subject: Subject, protocol: str
) -> None:
    one = await opened(subject, protocol)
    began = time.monotonic()
    with pytest.raises(DeadlineExceeded):
        await one.call_tool("hush", {}, deadline_s=0.2)
    assert 0.2 <= time.monotonic() - began < 1
    assert await one.read_resource("note://1", deadline_s=AMPLE_S)
    await one.close()


@pytest.mark.asyncio
@ERAS
async def test_dropping_everything_breaks_the_pending_call(subject: Subject, protocol: str) -> None:
    one = await opened(subject, protocol)
    calling = await under_way(one)
    one.abort()
    with pytest.raises(Broken):
        await calling
    await one.close()


@pytest.mark.asyncio
@ERAS
async def test_leaving_from_another_task_breaks_the_pending_call(subject: Subject, protocol: str) -> None:
    one = await opened(subject, protocol)
    calling = await under_way(one)
    began = time.monotonic()
    await one.close()
    with pytest.raises(Broken):
        await calling
    assert time.monotonic() - began < 1.5


@pytest.mark.asyncio
async def test_leaving_ends_the_session_at_the_server(subject: Subject) -> None:
    one, other = await opened(subject, LEGACY), await opened(subject, LEGACY)
    await one.close()
    other.transport.connection.session_id = one.session_id
    with pytest.raises(SessionLost):
        await other.list_tools(deadline_s=AMPLE_S)
    other.abort()


@pytest.mark.asyncio
async def test_a_frozen_server_costs_the_deadline_and_no_more(mortal: Subject) -> None:
    modern, legacy = await opened(mortal, MODERN), await opened(mortal, LEGACY)
    mortal.send(signal.SIGSTOP)
    try:
        for session in (modern, legacy):
            began = time.monotonic()
            with pytest.raises(DeadlineExceeded):
                await session.read_resource("note://1", deadline_s=0.3)
            assert time.monotonic() - began < 0.8
        with pytest.raises(DeadlineExceeded):
            await Session.open(mortal.url, deadline_s=0.2)
        began = time.monotonic()
        await asyncio.gather(modern.close(), legacy.close())
        assert time.monotonic() - began < 1.9
    finally:
        mortal.send(signal.SIGCONT)
    thawed = await opened(mortal, None)
    assert await thawed.read_resource("note://1", deadline_s=AMPLE_S)
    await thawed.close()


@pytest.mark.asyncio
async def test_a_killed_server_breaks_its_calls_is_unreachable_and_comes_back_without_sessions(mortal: Subject) -> None:
    modern, legacy = await opened(mortal, MODERN), await opened(mortal, LEGACY)
    silent = asyncio.create_task(modern.call_tool("hush", {}, deadline_s=AMPLE_S))
    calling = [await under_way(modern), await under_way(legacy), silent]
    mortal.kill()
    for call in calling:
        with pytest.raises(Broken):
            await call
    for session in (modern, legacy):
        with pytest.raises(Unreachable):
            await session.read_resource("note://1", deadline_s=AMPLE_S)
    await asyncio.wait_for(legacy.close(), timeout=0.5)
    with pytest.raises(Unreachable):
        await Session.open(mortal.url, deadline_s=AMPLE_S)

    legacy = await reborn(mortal, legacy)
    assert await modern.read_resource("note://1", deadline_s=AMPLE_S) == "the note 1"
    with pytest.raises(SessionLost):
        await legacy.read_resource("note://1", deadline_s=AMPLE_S)
    await legacy.close()


async def reborn(subject: Subject, before: Session) -> Session:
    """The same session, as a client has it that did not notice the restart."""
    await asyncio.to_thread(subject.restart)
    assert before.session_id is not None
    return Session(Streamable(Address.of(subject.url), connection=Connection(before.protocol, before.session_id)))


@pytest.mark.asyncio
async def test_a_resource_without_text_is_a_violation(subject: Subject) -> None:
    one = await opened(subject, MODERN)
    with pytest.raises((ProtocolViolation, RpcError)):
        await one.read_resource("note://", deadline_s=AMPLE_S)
    await one.close()


def test_the_client_starts_light() -> None:
    program = "import mcp_crashtest.wire.session, sys; print(*{name.partition('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert not {"fastmcp", "mcp", "mcp_types", "pydantic", "httpx", "httpx2"} & set(done.stdout.split())
