"""Connections that say nothing, or never end what they say, and sessions that nobody comes back to."""

from __future__ import annotations

import asyncio
import http.client
import json
import resource
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, ExitStack, contextmanager

import httpx2
import pytest

from mcp_crashtest.wire.messages import HANDSHAKE
from tests.lab import environment
from tests.reference_server.conftest import DEADLINE_S, TOKENS, Server, token_file
from tests.reference_server.raw import Raw, received

Recorded = Callable[[str, object], None]
ASKED = 20
BATCHES = {"batch_size": 1, "total_items": 2}
ACCEPT = {"accept": "application/json, text/event-stream"}


@contextmanager
def connected(server: Server, *said: bytes) -> Iterator[list[socket.socket]]:
    """A connection for each of these texts, which is all that is said on it."""
    with ExitStack() as opened:
        sockets = []
        for text in said:
            sockets.append(opened.enter_context(socket.create_connection(at(server), timeout=DEADLINE_S)))
            sockets[-1].sendall(text)
        yield sockets


def at(server: Server) -> tuple[str, int]:
    return "127.0.0.1", server.ready["port"]


def healthy(server: Server) -> bool:
    """Whether somebody who comes now is answered."""
    asking = http.client.HTTPConnection(*at(server), timeout=DEADLINE_S)
    try:
        asking.request("GET", "/healthz")
        return asking.getresponse().status == 200
    finally:
        asking.close()


def everything(silent: socket.socket) -> bytes:
    """What the server says until it closes."""
    said = b""
    while chunk := silent.recv(1 << 16):
        said += chunk
    return said


@pytest.mark.parametrize(
    ("options", "silent"),
    [
        pytest.param(("--connections", "60", "--connections-per-peer", "40"), 150, id="few"),
        pytest.param((), 1100, id="many", marks=pytest.mark.soak),
    ],
)
def test_who_connects_and_says_nothing_locks_nobody_out(
    fresh: Server, options: tuple[str, ...], silent: int, record_property: Recorded
) -> None:
    """From one address, which the others share."""
    fresh.extra, fresh.log = options, fresh.folder / "log"
    fresh.start()
    with connected(fresh, *[b""] * silent):
        held = sum(healthy(fresh) for _ in range(ASKED))
    record_property("tries", ASKED)
    record_property("held", held)
    assert held == ASKED
    [line] = fresh.log.read_text().splitlines()
    assert "the table of connections is full" in line


@pytest.mark.soak
def test_few_descriptors_are_enough_for_whoever_speaks(fresh: Server, record_property: Recorded) -> None:
    """More are silent than files may be open: connections are fewer than the descriptors allow."""
    log = fresh.folder / "log"
    with log.open("wb") as said:
        process = subprocess.Popen(
            fresh.command(),
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=said,
            text=True,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (128, 128)),
        )
    fresh.process = process
    assert process.stdout
    fresh.ready = json.loads(process.stdout.readline())
    with connected(fresh, *[b""] * 500):
        held = sum(healthy(fresh) for _ in range(ASKED))
    record_property("tries", ASKED)
    record_property("held", held)
    assert held == ASKED
    assert len(log.read_text().splitlines()) <= 3


BEGUN = {
    "nothing": (b"", b"HTTP/1.1 408 "),
    "half a head": (b"POST /mcp HTTP/1.1\r\nHost: 127.0", b"HTTP/1.1 408 "),
    "half a body": (
        b"POST /mcp HTTP/1.1\r\nHost: localhost\r\nAccept: application/json, text/event-stream\r\n"
        b"Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{",
        b"HTTP/1.1 408 ",
    ),
}


@pytest.mark.asyncio
async def test_what_was_only_begun_ends_and_a_stream_that_waits_does_not(
    fresh: Server, record_property: Recorded
) -> None:
    fresh.extra = ("--request-seconds", "0.3")
    fresh.start()
    client = Raw(fresh)
    task = await client.start("start_batch_processing", **BATCHES, processing_delay=3600.0)
    async with client.listening(taskIds=[task]) as stream:
        await received(stream)
        for number in range(3):  # one after the other: the stream has waited for longer than any of them may
            with connected(fresh, *(said for said, _ in BEGUN.values())) as sockets:
                answers = await asyncio.gather(*(asyncio.to_thread(everything, one) for one in sockets))
            for (what, (_, expected)), answer in zip(BEGUN.items(), answers, strict=True):
                assert answer.startswith(expected), (number, what, answer)
        await client.cancel(task)
        while (await received(stream)).get("params", {}).get("status") != "cancelled":
            pass
    record_property("tries", 3 * len(BEGUN))
    record_property("held", 3 * len(BEGUN))


@pytest.mark.asyncio
async def test_what_was_asked_for_is_not_cut_for_another_who_is_told_to_come_again(fresh: Server) -> None:
    fresh.extra = ("--connections", "5", "--connections-per-peer", "5")
    fresh.start()
    client = Raw(fresh)
    task = await client.start("start_batch_processing", **BATCHES, processing_delay=3600.0)
    async with client.listening(taskIds=[task]) as first, client.listening(taskIds=[task]) as second:
        async with client.listening(taskIds=[task]), client.listening(taskIds=[task]):
            for stream in (first, second):
                await received(stream)
            async with client.listening(taskIds=[task]):
                with connected(fresh, b"") as [turned_away]:
                    answer = everything(turned_away)
        assert answer.startswith(b"HTTP/1.1 503 ")
        assert b"retry-after" in answer
        while not await asyncio.to_thread(healthy, fresh):  # three streams have just let go
            pass
        await client.cancel(task)
        for stream in (first, second):
            while (await received(stream)).get("params", {}).get("status") != "cancelled":
                pass


def opened_session(server: Server, who: str) -> str:
    """A session of the handshake era, whose client goes away without a word."""
    params = {"protocolVersion": HANDSHAKE, "capabilities": {}, "clientInfo": {"name": "c", "version": "1"}}
    message = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params}
    answer = httpx2.post(server.ready["url"], headers={**ACCEPT, **bearer(who)}, json=message)
    assert answer.status_code == 200, answer.text
    return str(answer.headers["mcp-session-id"])


def bearer(who: str) -> dict[str, str]:
    return {"authorization": f"Bearer {TOKENS[who]}"}


def lives(server: Server, who: str, session: str) -> bool:
    message = {"jsonrpc": "2.0", "id": 2, "method": "ping"}
    headers = {**ACCEPT, **bearer(who), "mcp-session-id": session, "mcp-protocol-version": HANDSHAKE}
    answer = httpx2.post(server.ready["url"], headers=headers, json=message)
    assert answer.status_code in (200, 404), answer.text
    return answer.status_code == 200


def test_sessions_of_one_owner_are_so_many_and_the_one_that_rests_longest_goes_first(
    fresh: Server, record_property: Recorded
) -> None:
    fresh.extra = ("--tokens", str(token_file(fresh.folder)), "--sessions-per-owner", "3")
    fresh.start()
    of_ben = opened_session(fresh, "ben")
    sessions = [opened_session(fresh, "ann") for _ in range(10)]
    assert [lives(fresh, "ann", session) for session in sessions] == [False] * 7 + [True] * 3
    assert not lives(fresh, "ben", sessions[-1])
    assert lives(fresh, "ben", of_ben)
    record_property("tries", 10)
    record_property("held", 10)


@pytest.mark.asyncio
async def test_an_owner_all_of_whose_sessions_are_in_use_is_told_so(fresh: Server) -> None:
    fresh.extra = ("--tokens", str(token_file(fresh.folder)), "--sessions-per-owner", "2")
    fresh.start()
    async with httpx2.AsyncClient() as client, AsyncExitStack() as streams:
        for session in [opened_session(fresh, "ann") for _ in range(2)]:
            headers = {**ACCEPT, **bearer("ann"), "mcp-session-id": session, "mcp-protocol-version": HANDSHAKE}
            stream = await streams.enter_async_context(client.stream("GET", fresh.ready["url"], headers=headers))
            assert stream.status_code == 200
        message = {"jsonrpc": "2.0", "id": 1, "method": "initialize"}
        answer = await client.post(fresh.ready["url"], headers={**ACCEPT, **bearer("ann")}, json=message)
        assert answer.status_code == 503
        assert "all of your sessions are in use" in answer.json()["error"]["message"]
        assert lives(fresh, "ben", opened_session(fresh, "ben"))


def test_a_session_that_rests_ends(fresh: Server) -> None:
    fresh.extra = ("--tokens", str(token_file(fresh.folder)), "--session-seconds", "0.2")
    fresh.start()
    session = opened_session(fresh, "ann")
    with connected(fresh, b"") as [silent]:
        silent.settimeout(0.6)  # the time that nobody asks in
        with pytest.raises(TimeoutError):
            silent.recv(1)
    assert not lives(fresh, "ann", session)
