"""Connections: made, never made, refused, encrypted; addresses and headers."""

from __future__ import annotations

import asyncio
import gc
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_crashtest.wire import http
from mcp_crashtest.wire.errors import (
    Broken,
    DeadlineExceeded,
    Unreachable,
)
from mcp_crashtest.wire.http import Address
from mcp_crashtest.wire.session import Session
from mcp_crashtest.wire.streamable import Streamable
from mcp_crashtest.wire.transport import Connection
from tests.harness.wire.peers import (
    after_opening,
    answers,
    peer,
)
from tests.harness.wire.talking import AMPLE_S, ERAS, MODERN, call, told


class Died(Exception):
    """A test's own accident."""


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
