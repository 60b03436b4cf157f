"""Streamable HTTP on its own: what a goodbye costs, and what a refusal of a message that nothing answers is."""

from __future__ import annotations

import pytest

from mcp_crashtest.wire.errors import Broken, HttpError, SessionLost
from mcp_crashtest.wire.http import Address
from mcp_crashtest.wire.messages import HANDSHAKE, STATELESS, notification
from mcp_crashtest.wire.streamable import Streamable
from mcp_crashtest.wire.transport import Connection, State
from tests.harness.wire.peers import Peer, peer, response, sends

pytestmark = pytest.mark.asyncio


def towards(there: Peer, protocol: str, session_id: str | None = None) -> Streamable:
    return Streamable(Address.of(there.url), connection=Connection(protocol, session_id))


@pytest.mark.parametrize("protocol", [STATELESS, HANDSHAKE])
async def test_where_there_is_no_session_a_goodbye_sends_nothing(protocol: str) -> None:
    async with peer(sends(response())) as there:
        transport = towards(there, protocol)
        await transport.leave()
        transport.abort()
        assert (there.requests, transport.connection.state) == ([], State.LEFT)


async def test_a_session_is_deleted_once_however_often_it_is_left() -> None:
    async with peer(sends(response())) as there:
        transport = towards(there, HANDSHAKE, "session-1")
        for _ in range(2):
            await transport.leave()
            transport.abort()
        assert [(r.method, r.headers["mcp-session-id"]) for r in there.requests] == [("DELETE", "session-1")]


async def test_a_message_that_is_not_taken_is_an_error_of_its_kind() -> None:
    async with peer(sends(response(status=503))) as there:
        with pytest.raises(HttpError):
            await towards(there, HANDSHAKE).tell(notification("notifications/x"))
    async with peer(sends(response(status=404))) as there:
        with pytest.raises(SessionLost):
            await towards(there, HANDSHAKE, "session-1").tell(notification("notifications/x"))


async def test_who_is_gone_tells_nothing() -> None:
    async with peer(sends(response())) as there:
        transport = towards(there, HANDSHAKE)
        transport.abort()
        with pytest.raises(Broken, match="left by this side"):
            await transport.tell(notification("notifications/x"))
        assert there.requests == []
