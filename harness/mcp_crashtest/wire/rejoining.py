"""Coming back to a session that was left without a word: the same id, new connections, no handshake."""

from __future__ import annotations

from collections.abc import Mapping

from mcp_crashtest.wire.http import Address
from mcp_crashtest.wire.messages import Numbers
from mcp_crashtest.wire.resuming import Stream
from mcp_crashtest.wire.session import Session
from mcp_crashtest.wire.streamable import Streamable
from mcp_crashtest.wire.transport import Connection

_APART = 1000  # no request of the session that was left has such a number


def rejoining(url: str, protocol: str, headers: Mapping[str, str], stream: Stream) -> Session:
    """The session in which a stream was begun. Nothing is sent; whether the server knows it, the next request shows."""
    connection = Connection(protocol=protocol, session_id=stream.session_id)
    session = Session(Streamable(Address.of(url), headers, connection))
    session.numbers = Numbers((stream.request or {"id": 0})["id"] + _APART - 1)
    return session


def taken_up(url: str, headers: Mapping[str, str], left: Session) -> Session:
    """A session whose connections were lost. Nothing is sent; the next request shows whether the server knows it."""
    connection = Connection(protocol=left.protocol, session_id=left.session_id)
    transport = Streamable(Address.of(url), headers, connection)
    return Session(transport, left.extensions, left.server_info, left.capabilities, left.numbers)
